"""The codes that CDBs, parameter data and sense data share, as enumerations.

From SAM-5, SPC-5, SBC-4, MMC-6 and SAT-4. A member has the name that the standard gives the code. A field with one of
these enumerations reads as a plain integer where its value is not assigned.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = [
    "AddressNumberType",
    "Association",
    "AsymmetricAccessState",
    "AtaProtocol",
    "AtaTransferLength",
    "ByteCheck",
    "CodeSet",
    "DataDirection",
    "DefectListFormat",
    "DesignatorType",
    "DiscInformationType",
    "ExpectedSectorType",
    "LogPage",
    "LogPageControl",
    "MaintenanceInAction",
    "MaintenanceOutAction",
    "ModePage",
    "ModePageControl",
    "NotificationClass",
    "Opcode",
    "PeripheralDeviceType",
    "PeripheralQualifier",
    "PersistentReserveInAction",
    "PersistentReserveOutAction",
    "PersistentReserveScope",
    "PersistentReserveType",
    "PowerCondition",
    "ProtocolIdentifier",
    "ProvisioningResource",
    "ProvisioningStatus",
    "ProvisioningType",
    "ReadBufferMode",
    "ReportingOptions",
    "RequestedType",
    "SanitizeAction",
    "SecurityProtocol",
    "SelectReport",
    "SelfTestCode",
    "SenseKey",
    "ServiceActionIn16",
    "ServiceActionOut16",
    "Status",
    "SubChannelSelection",
    "ThirdPartyCopyInAction",
    "ThirdPartyCopyOutAction",
    "TocFormat",
    "VariableLengthAction",
    "VpdPage",
    "WriteBufferMode",
]


class DataDirection(IntEnum):
    """Where the data of a command goes, seen from the initiator (SAM-5, 5.4.3)."""

    NONE = 0
    IN = 1
    OUT = 2


class Status(IntEnum):
    """Status of a command (SAM-5, 5.3.1)."""

    GOOD = 0x00
    CHECK_CONDITION = 0x02
    CONDITION_MET = 0x04
    BUSY = 0x08
    INTERMEDIATE = 0x10
    INTERMEDIATE_CONDITION_MET = 0x14
    RESERVATION_CONFLICT = 0x18
    COMMAND_TERMINATED = 0x22
    TASK_SET_FULL = 0x28
    ACA_ACTIVE = 0x30
    TASK_ABORTED = 0x40


class SenseKey(IntEnum):
    """Sense key (SPC-4, 4.5.6)."""

    NO_SENSE = 0x0
    RECOVERED_ERROR = 0x1
    NOT_READY = 0x2
    MEDIUM_ERROR = 0x3
    HARDWARE_ERROR = 0x4
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7
    BLANK_CHECK = 0x8
    VENDOR_SPECIFIC = 0x9
    COPY_ABORTED = 0xA
    ABORTED_COMMAND = 0xB
    VOLUME_OVERFLOW = 0xD
    MISCOMPARE = 0xE
    COMPLETED = 0xF


class PeripheralQualifier(IntEnum):
    """Whether a logical unit is at the LUN (SPC-4, 6.6.2): connected, could be connected, cannot be."""

    CONNECTED = 0
    NOT_CONNECTED = 1
    NOT_CAPABLE = 3


class PeripheralDeviceType(IntEnum):
    """Peripheral device type of INQUIRY data (SPC-4, 6.6.2)."""

    DIRECT_ACCESS_BLOCK = 0x00
    SEQUENTIAL_ACCESS = 0x01
    PRINTER = 0x02
    PROCESSOR = 0x03
    WRITE_ONCE = 0x04
    CD_DVD = 0x05
    SCANNER = 0x06
    OPTICAL_MEMORY = 0x07
    MEDIA_CHANGER = 0x08
    COMMUNICATIONS = 0x09
    STORAGE_ARRAY_CONTROLLER = 0x0C
    ENCLOSURE_SERVICES = 0x0D
    SIMPLIFIED_DIRECT_ACCESS = 0x0E
    OPTICAL_CARD_READER_WRITER = 0x0F
    BRIDGE_CONTROLLER = 0x10
    OBJECT_BASED_STORAGE = 0x11
    AUTOMATION_DRIVE_INTERFACE = 0x12
    SECURITY_MANAGER = 0x13
    HOST_MANAGED_ZONED_BLOCK = 0x14
    REDUCED_MULTIMEDIA = 0x15
    WELL_KNOWN_LOGICAL_UNIT = 0x1E
    UNKNOWN_OR_NO_DEVICE = 0x1F


class ProtocolIdentifier(IntEnum):
    """SCSI transport protocol (SPC-4, 7.6.1)."""

    FIBRE_CHANNEL = 0x0
    PARALLEL_SCSI = 0x1
    SSA = 0x2
    IEEE_1394 = 0x3
    SRP = 0x4
    ISCSI = 0x5
    SAS = 0x6
    ADT = 0x7
    ATA = 0x8
    USB = 0x9
    SCSI_OVER_PCIE = 0xA
    PCIE = 0xB
    NO_SPECIFIC_PROTOCOL = 0xF


class CodeSet(IntEnum):
    """Code set of a designator (SPC-4, 7.8.6.1)."""

    BINARY = 1
    ASCII = 2
    UTF_8 = 3


class Association(IntEnum):
    """What a designator names (SPC-4, 7.8.6.1)."""

    LOGICAL_UNIT = 0
    TARGET_PORT = 1
    TARGET_DEVICE = 2


class DesignatorType(IntEnum):
    """Designator type of the Device Identification VPD page (SPC-4, 7.8.6.1)."""

    VENDOR_SPECIFIC = 0x0
    T10_VENDOR_ID = 0x1
    EUI_64 = 0x2
    NAA = 0x3
    RELATIVE_TARGET_PORT = 0x4
    TARGET_PORT_GROUP = 0x5
    LOGICAL_UNIT_GROUP = 0x6
    MD5_LOGICAL_UNIT = 0x7
    SCSI_NAME_STRING = 0x8
    PROTOCOL_SPECIFIC_PORT = 0x9
    UUID = 0xA


class VpdPage(IntEnum):
    """Page code of vital product data (SPC-4, 7.8; B0h up: the device type's standard, here SBC-4)."""

    SUPPORTED_VPD_PAGES = 0x00
    UNIT_SERIAL_NUMBER = 0x80
    IMPLEMENTED_OPERATING_DEFINITION = 0x81
    ASCII_IMPLEMENTED_OPERATING_DEFINITION = 0x82
    DEVICE_IDENTIFICATION = 0x83
    SOFTWARE_INTERFACE_IDENTIFICATION = 0x84
    MANAGEMENT_NETWORK_ADDRESSES = 0x85
    EXTENDED_INQUIRY_DATA = 0x86
    MODE_PAGE_POLICY = 0x87
    SCSI_PORTS = 0x88
    ATA_INFORMATION = 0x89
    POWER_CONDITION = 0x8A
    DEVICE_CONSTITUENTS = 0x8B
    CFA_PROFILE_INFORMATION = 0x8C
    POWER_CONSUMPTION = 0x8D
    THIRD_PARTY_COPY = 0x8F
    PROTOCOL_SPECIFIC_LOGICAL_UNIT_INFORMATION = 0x90
    PROTOCOL_SPECIFIC_PORT_INFORMATION = 0x91
    SCSI_FEATURE_SETS = 0x92
    BLOCK_LIMITS = 0xB0
    BLOCK_DEVICE_CHARACTERISTICS = 0xB1
    LOGICAL_BLOCK_PROVISIONING = 0xB2
    REFERRALS = 0xB3
    SUPPORTED_BLOCK_LENGTHS_AND_PROTECTION_TYPES = 0xB4
    BLOCK_DEVICE_CHARACTERISTICS_EXTENSION = 0xB5
    ZONED_BLOCK_DEVICE_CHARACTERISTICS = 0xB6
    BLOCK_LIMITS_EXTENSION = 0xB7
    FORMAT_PRESETS = 0xB8
    CONCURRENT_POSITIONING_RANGES = 0xB9


class ModePage(IntEnum):
    """Mode page code (SPC-4, 7.5; SBC-4, 6.5; MMC-6)."""

    VENDOR_SPECIFIC = 0x00
    READ_WRITE_ERROR_RECOVERY = 0x01
    DISCONNECT_RECONNECT = 0x02
    FORMAT_DEVICE = 0x03
    RIGID_DISK_GEOMETRY = 0x04
    WRITE_PARAMETERS = 0x05
    VERIFY_ERROR_RECOVERY = 0x07
    CACHING = 0x08
    PERIPHERAL_DEVICE = 0x09
    CONTROL = 0x0A
    MEDIUM_TYPES_SUPPORTED = 0x0B
    NOTCH_AND_PARTITION = 0x0C
    CD_DEVICE_PARAMETERS = 0x0D
    CD_AUDIO_CONTROL = 0x0E
    DATA_COMPRESSION = 0x0F
    XOR_CONTROL = 0x10
    ENCLOSURE_SERVICES_MANAGEMENT = 0x14
    PROTOCOL_SPECIFIC_LOGICAL_UNIT = 0x18
    PROTOCOL_SPECIFIC_PORT = 0x19
    POWER_CONDITION = 0x1A
    INFORMATIONAL_EXCEPTIONS_CONTROL = 0x1C
    TIMEOUT_AND_PROTECT = 0x1D
    MM_CAPABILITIES_AND_MECHANICAL_STATUS = 0x2A
    ALL_PAGES = 0x3F


class ModePageControl(IntEnum):
    """Which values MODE SENSE wants (SPC-4, 6.13)."""

    CURRENT = 0
    CHANGEABLE = 1
    DEFAULT = 2
    SAVED = 3


class LogPage(IntEnum):
    """Log page code (SPC-4, 7.3; SBC-4, 6.4)."""

    SUPPORTED_LOG_PAGES = 0x00
    BUFFER_OVERRUN_UNDERRUN = 0x01
    WRITE_ERROR_COUNTERS = 0x02
    READ_ERROR_COUNTERS = 0x03
    READ_REVERSE_ERROR_COUNTERS = 0x04
    VERIFY_ERROR_COUNTERS = 0x05
    NON_MEDIUM_ERROR = 0x06
    LAST_N_ERROR_EVENTS = 0x07
    FORMAT_STATUS = 0x08
    LAST_N_DEFERRED_ERRORS = 0x0B
    LOGICAL_BLOCK_PROVISIONING = 0x0C
    TEMPERATURE = 0x0D
    START_STOP_CYCLE_COUNTER = 0x0E
    APPLICATION_CLIENT = 0x0F
    SELF_TEST_RESULTS = 0x10
    SOLID_STATE_MEDIA = 0x11
    BACKGROUND_SCAN = 0x15
    PROTOCOL_SPECIFIC_PORT = 0x18
    GENERAL_STATISTICS_AND_PERFORMANCE = 0x19
    POWER_CONDITION_TRANSITIONS = 0x1A
    INFORMATIONAL_EXCEPTIONS = 0x2F
    ALL_PAGES = 0x3F


class LogPageControl(IntEnum):
    """Which values LOG SENSE wants and LOG SELECT sets (SPC-4, 6.8)."""

    THRESHOLD = 0
    CUMULATIVE = 1
    DEFAULT_THRESHOLD = 2
    DEFAULT_CUMULATIVE = 3


class PersistentReserveInAction(IntEnum):
    """Service action of PERSISTENT RESERVE IN (SPC-4, 6.15.1)."""

    READ_KEYS = 0x00
    READ_RESERVATION = 0x01
    REPORT_CAPABILITIES = 0x02
    READ_FULL_STATUS = 0x03


class PersistentReserveOutAction(IntEnum):
    """Service action of PERSISTENT RESERVE OUT (SPC-4, 6.16.2)."""

    REGISTER = 0x00
    RESERVE = 0x01
    RELEASE = 0x02
    CLEAR = 0x03
    PREEMPT = 0x04
    PREEMPT_AND_ABORT = 0x05
    REGISTER_AND_IGNORE_EXISTING_KEY = 0x06
    REGISTER_AND_MOVE = 0x07
    REPLACE_LOST_RESERVATION = 0x08


class PersistentReserveScope(IntEnum):
    """Scope of a persistent reservation (SPC-4, 6.15.3); extent and element are obsolete."""

    LOGICAL_UNIT = 0
    EXTENT = 1
    ELEMENT = 2


class PersistentReserveType(IntEnum):
    """Type of a persistent reservation (SPC-4, 6.15.3); 0, 2 and 4 are obsolete."""

    READ_SHARED = 0
    WRITE_EXCLUSIVE = 1
    READ_EXCLUSIVE = 2
    EXCLUSIVE_ACCESS = 3
    SHARED_ACCESS = 4
    WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 5
    EXCLUSIVE_ACCESS_REGISTRANTS_ONLY = 6
    WRITE_EXCLUSIVE_ALL_REGISTRANTS = 7
    EXCLUSIVE_ACCESS_ALL_REGISTRANTS = 8


class AsymmetricAccessState(IntEnum):
    """State of a target port group (SPC-4, 6.37)."""

    ACTIVE_OPTIMIZED = 0x0
    ACTIVE_NON_OPTIMIZED = 0x1
    STANDBY = 0x2
    UNAVAILABLE = 0x3
    LOGICAL_BLOCK_DEPENDENT = 0x4
    OFFLINE = 0xE
    TRANSITIONING = 0xF


class ProvisioningType(IntEnum):
    """Provisioning type of a logical unit (SBC-4, logical block provisioning VPD page)."""

    NOT_REPORTED_OR_FULL = 0
    RESOURCE = 1
    THIN = 2


class ProvisioningResource(IntEnum):
    """What a threshold is about (SBC-4, 6.5.9.2), and a parameter of the log page that counts it (6.4.5)."""

    AVAILABLE_LBA_MAPPING_RESOURCES = 1
    USED_LBA_MAPPING_RESOURCES = 2
    AVAILABLE_PERCENTAGE = 3


class ProvisioningStatus(IntEnum):
    """Provisioning status of an LBA extent (SBC-4, GET LBA STATUS parameter data)."""

    MAPPED_OR_UNKNOWN = 0
    DEALLOCATED = 1
    ANCHORED = 2
    MAPPED = 3
    UNKNOWN = 4


class Opcode(IntEnum):
    """First byte of a CDB, for the commands that :mod:`pysrp.scsi.cdb` has tables for."""

    TEST_UNIT_READY = 0x00
    REQUEST_SENSE = 0x03
    FORMAT_UNIT = 0x04
    REASSIGN_BLOCKS = 0x07
    READ_6 = 0x08
    WRITE_6 = 0x0A
    INQUIRY = 0x12
    MODE_SELECT_6 = 0x15
    RESERVE_6 = 0x16
    RELEASE_6 = 0x17
    MODE_SENSE_6 = 0x1A
    START_STOP_UNIT = 0x1B
    RECEIVE_DIAGNOSTIC_RESULTS = 0x1C
    SEND_DIAGNOSTIC = 0x1D
    PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1E
    READ_CAPACITY_10 = 0x25
    READ_10 = 0x28
    WRITE_10 = 0x2A
    WRITE_AND_VERIFY_10 = 0x2E
    VERIFY_10 = 0x2F
    PRE_FETCH_10 = 0x34
    SYNCHRONIZE_CACHE_10 = 0x35
    READ_DEFECT_DATA_10 = 0x37
    WRITE_BUFFER_10 = 0x3B
    READ_BUFFER_10 = 0x3C
    WRITE_SAME_10 = 0x41
    UNMAP = 0x42
    READ_TOC = 0x43
    GET_CONFIGURATION = 0x46
    SANITIZE = 0x48
    GET_EVENT_STATUS_NOTIFICATION = 0x4A
    LOG_SELECT = 0x4C
    LOG_SENSE = 0x4D
    READ_DISC_INFORMATION = 0x51
    READ_TRACK_INFORMATION = 0x52
    MODE_SELECT_10 = 0x55
    RESERVE_10 = 0x56
    RELEASE_10 = 0x57
    MODE_SENSE_10 = 0x5A
    READ_BUFFER_CAPACITY = 0x5C
    PERSISTENT_RESERVE_IN = 0x5E
    PERSISTENT_RESERVE_OUT = 0x5F
    VARIABLE_LENGTH = 0x7F
    THIRD_PARTY_COPY_OUT = 0x83
    THIRD_PARTY_COPY_IN = 0x84
    ATA_PASS_THROUGH_16 = 0x85
    READ_16 = 0x88
    COMPARE_AND_WRITE = 0x89
    WRITE_16 = 0x8A
    ORWRITE_16 = 0x8B
    WRITE_AND_VERIFY_16 = 0x8E
    VERIFY_16 = 0x8F
    PRE_FETCH_16 = 0x90
    SYNCHRONIZE_CACHE_16 = 0x91
    WRITE_SAME_16 = 0x93
    WRITE_BUFFER_16 = 0x96
    WRITE_STREAM_16 = 0x9A
    READ_BUFFER_16 = 0x9B
    WRITE_ATOMIC_16 = 0x9C
    SERVICE_ACTION_IN_16 = 0x9E
    SERVICE_ACTION_OUT_16 = 0x9F
    REPORT_LUNS = 0xA0
    ATA_PASS_THROUGH_12 = 0xA1
    SECURITY_PROTOCOL_IN = 0xA2
    MAINTENANCE_IN = 0xA3
    MAINTENANCE_OUT = 0xA4
    READ_12 = 0xA8
    WRITE_12 = 0xAA
    READ_DISC_STRUCTURE = 0xAD
    WRITE_AND_VERIFY_12 = 0xAE
    VERIFY_12 = 0xAF
    SECURITY_PROTOCOL_OUT = 0xB5
    READ_DEFECT_DATA_12 = 0xB7
    READ_CD_MSF = 0xB9
    SET_CD_SPEED = 0xBB
    MECHANISM_STATUS = 0xBD
    READ_CD = 0xBE


class ServiceActionIn16(IntEnum):
    """Service action of SERVICE ACTION IN(16), opcode 9Eh (SBC-4, 5)."""

    RECEIVE_BINDING_REPORT = 0x0F
    READ_CAPACITY_16 = 0x10
    READ_LONG_16 = 0x11
    GET_LBA_STATUS_16 = 0x12
    REPORT_REFERRALS = 0x13
    STREAM_CONTROL = 0x14
    BACKGROUND_CONTROL = 0x15
    GET_STREAM_STATUS = 0x16
    GET_PHYSICAL_ELEMENT_STATUS = 0x17
    REMOVE_ELEMENT_AND_TRUNCATE = 0x18
    RESTORE_ELEMENTS_AND_REBUILD = 0x19
    REMOVE_ELEMENT_AND_MODIFY_ZONES = 0x1A


class ServiceActionOut16(IntEnum):
    """Service action of SERVICE ACTION OUT(16), opcode 9Fh (SBC-4, 5)."""

    WRITE_LONG_16 = 0x11
    WRITE_SCATTERED_16 = 0x12


class MaintenanceInAction(IntEnum):
    """Service action of MAINTENANCE IN, opcode A3h (SPC-4, 6)."""

    REPORT_IDENTIFYING_INFORMATION = 0x05
    REPORT_TARGET_PORT_GROUPS = 0x0A
    REPORT_ALIASES = 0x0B
    REPORT_SUPPORTED_OPERATION_CODES = 0x0C
    REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS = 0x0D
    REPORT_PRIORITY = 0x0E
    REPORT_TIMESTAMP = 0x0F
    MANAGEMENT_PROTOCOL_IN = 0x10


class MaintenanceOutAction(IntEnum):
    """Service action of MAINTENANCE OUT, opcode A4h (SPC-4, 6)."""

    SET_IDENTIFYING_INFORMATION = 0x06
    SET_TARGET_PORT_GROUPS = 0x0A
    CHANGE_ALIASES = 0x0B
    REMOVE_I_T_NEXUS = 0x0C
    SET_PRIORITY = 0x0E
    SET_TIMESTAMP = 0x0F
    MANAGEMENT_PROTOCOL_OUT = 0x10


class VariableLengthAction(IntEnum):
    """Service action of the variable length CDB, opcode 7Fh (SBC-4, 5; SAT-4)."""

    READ_32 = 0x0009
    VERIFY_32 = 0x000A
    WRITE_32 = 0x000B
    WRITE_AND_VERIFY_32 = 0x000C
    WRITE_SAME_32 = 0x000D
    ORWRITE_32 = 0x000E
    WRITE_ATOMIC_32 = 0x000F
    WRITE_STREAM_32 = 0x0010
    WRITE_SCATTERED_32 = 0x0011
    GET_LBA_STATUS_32 = 0x0012
    ATA_PASS_THROUGH_32 = 0x1FF0


class ThirdPartyCopyOutAction(IntEnum):
    """Service action of THIRD-PARTY COPY OUT, opcode 83h (SPC-4, 6.4)."""

    EXTENDED_COPY_LID1 = 0x00
    EXTENDED_COPY = 0x01
    POPULATE_TOKEN = 0x10
    WRITE_USING_TOKEN = 0x11
    COPY_OPERATION_ABORT = 0x1C


class ThirdPartyCopyInAction(IntEnum):
    """Service action of THIRD-PARTY COPY IN, opcode 84h (SPC-4, 6.4), RECEIVE COPY RESULTS of old."""

    RECEIVE_COPY_STATUS_LID1 = 0x00
    RECEIVE_COPY_DATA_LID1 = 0x01
    RECEIVE_COPY_OPERATING_PARAMETERS = 0x03
    RECEIVE_COPY_FAILURE_DETAILS_LID1 = 0x04
    RECEIVE_COPY_STATUS = 0x05
    RECEIVE_COPY_DATA = 0x06
    RECEIVE_ROD_TOKEN_INFORMATION = 0x07
    REPORT_ALL_ROD_TOKENS = 0x08


class SanitizeAction(IntEnum):
    """Service action of SANITIZE (SBC-4, 5.27)."""

    OVERWRITE = 0x01
    BLOCK_ERASE = 0x02
    CRYPTOGRAPHIC_ERASE = 0x03
    EXIT_FAILURE_MODE = 0x1F


class ReadBufferMode(IntEnum):
    """Mode of READ BUFFER (SPC-4, 6.18.1)."""

    COMBINED_HEADER_AND_DATA = 0x00
    VENDOR_SPECIFIC = 0x01
    DATA = 0x02
    DESCRIPTOR = 0x03
    READ_DATA_FROM_ECHO_BUFFER = 0x0A
    ECHO_BUFFER_DESCRIPTOR = 0x0B
    READ_MICROCODE_STATUS = 0x0F
    ENABLE_EXPANDER_COMMUNICATIONS_PROTOCOL = 0x1A
    ERROR_HISTORY = 0x1C


class WriteBufferMode(IntEnum):
    """Mode of WRITE BUFFER (SPC-4, 6.49.1)."""

    COMBINED_HEADER_AND_DATA = 0x00
    VENDOR_SPECIFIC = 0x01
    DATA = 0x02
    DOWNLOAD_MICROCODE_AND_ACTIVATE = 0x04
    DOWNLOAD_MICROCODE_SAVE_AND_ACTIVATE = 0x05
    DOWNLOAD_MICROCODE_WITH_OFFSETS_AND_ACTIVATE = 0x06
    DOWNLOAD_MICROCODE_WITH_OFFSETS_SAVE_AND_ACTIVATE = 0x07
    WRITE_DATA_TO_ECHO_BUFFER = 0x0A
    DOWNLOAD_MICROCODE_WITH_OFFSETS_SELECT_ACTIVATION_SAVE_AND_DEFER = 0x0D
    DOWNLOAD_MICROCODE_WITH_OFFSETS_SAVE_AND_DEFER = 0x0E
    ACTIVATE_DEFERRED_MICROCODE = 0x0F
    ENABLE_EXPANDER_COMMUNICATIONS_PROTOCOL = 0x1A
    DISABLE_EXPANDER_COMMUNICATIONS_PROTOCOL = 0x1B
    DOWNLOAD_APPLICATION_CLIENT_ERROR_HISTORY = 0x1C


class SelfTestCode(IntEnum):
    """Self-test code of SEND DIAGNOSTIC (SPC-4, 6.42)."""

    NONE = 0
    BACKGROUND_SHORT = 1
    BACKGROUND_EXTENDED = 2
    ABORT_BACKGROUND = 4
    FOREGROUND_SHORT = 5
    FOREGROUND_EXTENDED = 6


class PowerCondition(IntEnum):
    """Power condition that START STOP UNIT asks for (SBC-4, 5.28); SLEEP is MMC-6's."""

    START_VALID = 0x0
    ACTIVE = 0x1
    IDLE = 0x2
    STANDBY = 0x3
    SLEEP = 0x5
    LU_CONTROL = 0x7
    FORCE_IDLE_0 = 0xA
    FORCE_STANDBY_0 = 0xB


class SelectReport(IntEnum):
    """Which logical units REPORT LUNS lists (SPC-4, 6.33)."""

    ADDRESSABLE = 0x00
    WELL_KNOWN = 0x01
    ALL = 0x02
    ADMINISTRATIVE = 0x10
    ADMINISTRATIVE_AND_CONGLOMERATE = 0x11
    SUBSIDIARY = 0x12


class ReportingOptions(IntEnum):
    """What REPORT SUPPORTED OPERATION CODES reports (SPC-4, 6.35.1)."""

    ALL = 0
    ONE_OPCODE = 1
    ONE_OPCODE_AND_SERVICE_ACTION = 2
    ONE_OPCODE_WITH_OR_WITHOUT_SERVICE_ACTION = 3


class DefectListFormat(IntEnum):
    """Format of the address descriptors in a defect list (SBC-4, 6.2)."""

    SHORT_BLOCK = 0
    EXTENDED_BYTES_FROM_INDEX = 1
    EXTENDED_PHYSICAL_SECTOR = 2
    LONG_BLOCK = 3
    BYTES_FROM_INDEX = 4
    PHYSICAL_SECTOR = 5
    VENDOR_SPECIFIC = 6


class ByteCheck(IntEnum):
    """BYTCHK of VERIFY and WRITE AND VERIFY (SBC-4, 5.33): what is compared with the data-out buffer."""

    NO_COMPARE = 0
    COMPARE = 1
    COMPARE_ONE_BLOCK = 3


class SecurityProtocol(IntEnum):
    """Security protocol (SPC-4, 6.40.2)."""

    INFORMATION = 0x00
    TCG_1 = 0x01
    TCG_2 = 0x02
    TCG_3 = 0x03
    TCG_4 = 0x04
    TCG_5 = 0x05
    TCG_6 = 0x06
    CBCS = 0x07
    TAPE_DATA_ENCRYPTION = 0x20
    DATA_ENCRYPTION_CONFIGURATION = 0x21
    SA_CREATION_CAPABILITIES = 0x40
    IKEV2_SCSI = 0x41
    SD_CARD_TRUSTED_FLASH = 0xED
    IEEE_1667 = 0xEE
    ATA_DEVICE_SERVER_PASSWORD = 0xEF


class AtaProtocol(IntEnum):
    """Protocol of ATA PASS-THROUGH (SAT-4)."""

    HARD_RESET = 0x0
    SRST = 0x1
    NON_DATA = 0x3
    PIO_DATA_IN = 0x4
    PIO_DATA_OUT = 0x5
    DMA = 0x6
    EXECUTE_DEVICE_DIAGNOSTIC = 0x8
    NON_DATA_RESET = 0x9
    UDMA_DATA_IN = 0xA
    UDMA_DATA_OUT = 0xB
    NCQ = 0xC
    RETURN_RESPONSE_INFORMATION = 0xF


class AtaTransferLength(IntEnum):
    """T_LENGTH of ATA PASS-THROUGH: which field holds the length (SAT-4)."""

    NO_DATA = 0
    FEATURES = 1
    COUNT = 2
    TPSIU = 3


class TocFormat(IntEnum):
    """Format of READ TOC/PMA/ATIP (MMC-6)."""

    TOC = 0
    SESSION_INFORMATION = 1
    FULL_TOC = 2
    PMA = 3
    ATIP = 4
    CD_TEXT = 5


class RequestedType(IntEnum):
    """Which features GET CONFIGURATION reports (MMC-6)."""

    ALL = 0
    CURRENT = 1
    ONE = 2


class DiscInformationType(IntEnum):
    """Data type of READ DISC INFORMATION (MMC-6)."""

    STANDARD = 0
    TRACK_RESOURCES = 1
    POW_RESOURCES = 2


class AddressNumberType(IntEnum):
    """What the address of READ TRACK INFORMATION is (MMC-6)."""

    LBA = 0
    TRACK = 1
    SESSION = 2


class NotificationClass(IntFlag):
    """Event classes of GET EVENT STATUS NOTIFICATION, as bits of the request (MMC-6)."""

    OPERATIONAL_CHANGE = 0x02
    POWER_MANAGEMENT = 0x04
    EXTERNAL_REQUEST = 0x08
    MEDIA = 0x10
    MULTI_HOST = 0x20
    DEVICE_BUSY = 0x40


class ExpectedSectorType(IntEnum):
    """Sector type that READ CD may meet (MMC-6)."""

    ANY = 0
    CD_DA = 1
    MODE_1 = 2
    MODE_2_FORMLESS = 3
    MODE_2_FORM_1 = 4
    MODE_2_FORM_2 = 5


class SubChannelSelection(IntEnum):
    """Sub-channel data that READ CD adds to each sector (MMC-6)."""

    NONE = 0
    RAW = 1
    FORMATTED_Q = 2
    CORRECTED_R_W = 4
