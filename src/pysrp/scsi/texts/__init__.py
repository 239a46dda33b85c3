"""What the fields of SCSI's structures say: units, what the values decide, the standard's clause.

A field takes its text from the table of its class by its name (:class:`pysrp.fields.Field`), unless it has one of its
own: where one name means different things, the text is in the definition of the field.
"""

from pysrp.scsi.texts.cdb import ATA, CDB, MMC
from pysrp.scsi.texts.copying import COPYING
from pysrp.scsi.texts.data import DATA
from pysrp.scsi.texts.inquiry import INQUIRY
from pysrp.scsi.texts.mode import MODE
from pysrp.scsi.texts.parameters import PARAMETERS
from pysrp.scsi.texts.sense import SENSE

__all__ = ["ATA", "CDB", "COPYING", "DATA", "INQUIRY", "MMC", "MODE", "PARAMETERS", "SENSE"]
