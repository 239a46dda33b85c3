-- SRP (SCSI RDMA Protocol), VIOSRP datagrams, and the command/response queue of IBM Virtual SCSI.
--
-- Dissects SRP over RDMA (by the heuristics of Wireshark's InfiniBand dissector) and recordings of virtual SCSI, as
-- packets of `pysrp capture convert` (dissector "vscsi", or DLT_USER0). Works with Lua 5.2 and later.
--
-- Lua cannot call Wireshark's own SCSI dissector: it is registered under no name and in no table. CDBs, sense and
-- parameter data are therefore dissected by the tables below, too.

local ENUMS = {}      -- name -> value -> the value's name
local STRUCTURES = {} -- key -> title, filter, size in bytes, fields
local CHOICES = {}    -- number -> an integer in the bytes, and what its values select
local ROOTS = {}      -- where dissection begins: the key of a structure, or the number of a choice
local DATA_IN = {}    -- key of a CDB -> its data from the device; "by": which field of the CDB decides
local DATA_OUT = {}   -- the same for data to the device

---- tables ----

-- Protocols and fields -------------------------------------------------------------------------------------------

local band = bit.band
local STATUS = ENUMS["codes.Status"]
local vscsi = Proto("vscsi", "IBM Virtual SCSI, a record")
local crq = Proto("crq", "Command/Response Queue")
local viosrp = Proto("viosrp", "VIOSRP Management Datagram")
-- In Wireshark the protocol name "srp" is that of H.324/SRP. Our fields are srp.cmd.tag and so on nevertheless: no other
-- protocol has these.
local srp = Proto("scsi_srp", "SCSI RDMA Protocol")

local F = {
    trailing = ProtoField.bytes("srp.trailing", "Not part of the structure", base.NONE,
        "Bytes that the structure does not claim: Linux announces 256 for every IU and leaves old ones there"),
    data = ProtoField.bytes("srp.data", "Data", base.NONE, "Data of a command, or memory of a datagram"),
    fragment = ProtoField.bytes("srp.fragment", "Fragment", base.NONE, "A part of an IU that is longer than the MTU"),
    arguments = ProtoField.uint64("vscsi.argument", "Argument", base.HEX, nil, nil, "Argument of a hypervisor call"),
    command = ProtoField.string("srp.command", "Command", base.ASCII, "The command that this belongs to"),
    request_in = ProtoField.framenum("srp.request_in", "Request in", base.NONE, frametype.REQUEST, nil,
        "The packet that this answers"),
    response_in = ProtoField.framenum("srp.response_in", "Response in", base.NONE, frametype.RESPONSE, nil,
        "The packet that answers this"),
    time = ProtoField.relative_time("srp.time", "Time", "From the request to its response"),
}
local E = {
    malformed = ProtoExpert.new("srp.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
    violation = ProtoExpert.new("srp.violation", "Not as the standard has it", expert.group.PROTOCOL,
        expert.severity.WARN),
    unanswered = ProtoExpert.new("srp.no_request", "No request is known that this answers", expert.group.SEQUENCE,
        expert.severity.NOTE),
}
srp.experts = { E.malformed, E.violation, E.unanswered }

local UNSIGNED = { ftypes.UINT8, ftypes.UINT16, ftypes.UINT24, ftypes.UINT32 }

-- The mask of a field within its bytes. Such a field has at most four bytes: a mask is a 32-bit number.
local function mask(f)
    return f.w and (2 ^ f.w - 1) * 2 ^ f.s
end

local MAKE = {}

function MAKE.int(abbr, f)
    local shown = (f.hex or f.enum or f.set) and base.HEX or base.DEC
    if f.z > 4 then return ProtoField.uint64(abbr, f.n, shown, nil, nil, f.d) end
    return ProtoField.new(f.n, abbr, UNSIGNED[f.z], f.enum and ENUMS[f.enum], shown, mask(f), f.d)
end

function MAKE.signed(abbr, f) return ProtoField.new(f.n, abbr, ftypes.INT32, nil, base.DEC, nil, f.d) end
function MAKE.flag(abbr, f) return ProtoField.bool(abbr, f.n, 8 * f.z, nil, mask(f), f.d) end
function MAKE.text(abbr, f) return ProtoField.string(abbr, f.n, base.ASCII, f.d) end
function MAKE.array(abbr, f)
    return ProtoField.new(f.n, abbr, UNSIGNED[f.z / f.times], nil, base.DEC, nil, f.d)
end
function MAKE.bytes(abbr, f) return ProtoField.bytes(abbr, f.n, base.NONE, f.d) end
MAKE.lun = MAKE.bytes
function MAKE.struct(abbr, f) return ProtoField.none(abbr, f.n, f.d) end
MAKE.list, MAKE.descriptor = MAKE.struct, MAKE.struct

-- Wireshark takes the fields of a protocol only once, and all together.
local function register()
    local owners = { vscsi = vscsi, crq = crq, viosrp = viosrp, srp = srp }
    local fields = { vscsi = { F.arguments }, crq = {}, viosrp = {}, srp = {} }
    for name, f in pairs(F) do
        if name ~= "arguments" then table.insert(fields.srp, f) end
    end
    for _, S in pairs(STRUCTURES) do
        local owner = S.filter:match("^[^.]+")
        S.by = {}
        for _, f in ipairs(S.fields) do
            f.field = MAKE[f.k](S.filter .. "." .. f.n, f)
            table.insert(fields[owner], f.field)
            S.by[f.n] = f
        end
    end
    for name, proto in pairs(owners) do proto.fields = fields[name] end
end
register()

-- Places ---------------------------------------------------------------------------------------------------------
-- `at` is where a structure begins in the buffer, `n` how many bytes there are from there on.

local function number(tvb, at, p)
    local bytes = tvb(at + p.o, p.z)
    local value = p.z <= 4 and bytes:uint() or bytes:uint64():tonumber()
    if p.w then value = math.floor(value / 2 ^ p.s) % 2 ^ p.w end
    return value
end

-- Value of an integer field, by its name; nil where the data ends before it.
local function get(tvb, at, n, S, name)
    local f = S.by[name]
    if f and f.o + f.z <= n then return number(tvb, at, f) end
end

local function select(tvb, at, n, target)
    while type(target) == "number" do
        local choice = CHOICES[target]
        local value = choice.o + choice.z <= n and number(tvb, at, choice)
        target = value and choice.values[value] or choice.default
    end
    return target and STRUCTURES[target]
end

local function mode_pages(tvb, at, n, header, size, counts)
    local total = number(tvb, at, { o = 0, z = size })
    total = total > 0 and total + size or n
    return total - header - number(tvb, at, { o = counts, z = size })
end

-- Lengths that are not in a single field, which the tables cannot express.
local COMPUTED = {
    ["cdb.Cdb.body"] = function(tvb, at, n)
        local opcode = tvb(at, 1):uint()
        if opcode == 0x7F and n >= 8 then return 7 + tvb(at + 7, 1):uint() end
        return (({ [0] = 6, 10, 10, nil, 16, 12 })[math.floor(opcode / 32)] or n) - 1
    end,
    ["inquiry.ScsiPort.target_port_descriptors"] = function(tvb, at, n, start, before)
        return before > 2 and tvb(at + start - before + 2, before - 2):uint() or 0
    end,
    ["mode.CapabilitiesPage.write_speeds"] = function(tvb, at, n)
        return n > 32 and math.min(4 * tvb(at + 30, 2):uint(), tvb(at + 1, 1):uint() - 30) or 0
    end,
    ["mode.ModeParameters6.pages"] = function(tvb, at, n) return mode_pages(tvb, at, n, 4, 1, 3) end,
    ["mode.ModeParameters10.pages"] = function(tvb, at, n) return mode_pages(tvb, at, n, 8, 2, 6) end,
    ["mode.ModeParameters10.block_descriptors"] = function(tvb, at)
        return tvb(at + 4, 1):uint() % 2 == 1 and 0 or tvb(at + 6, 2):uint()
    end,
}

local INDIRECT = 2

-- Length in bytes that the structure states for a part (-1: all the rest), and the structure of a descriptor.
local function claimed(tvb, at, n, f, start, before)
    if f.when then
        if f.when.o + f.when.z > n or band(number(tvb, at, f.when), f.when.bits) == 0 then return 0 end
    end
    if f.k == "descriptor" then
        if math.max(f.format.o, f.entries.o) >= n then return 0 end
        local format = number(tvb, at, f.format)
        local key = f.kinds[format]
        if not key then return 0 end
        local S = STRUCTURES[key]
        return S.size + (format == INDIRECT and 16 * number(tvb, at, f.entries) or 0), S
    elseif f.count then
        if f.count.o + f.count.z > n then return 0 end
        return math.max(number(tvb, at, f.count) * f.unit + f.bias, 0)
    elseif f.computed then
        return math.max(COMPUTED[f.computed](tvb, at, n, start, before), 0)
    end
    return f.fixed or -1
end

-- Start, length and structure of a part; nil and the stated length where that exceeds the data. `known` caches the
-- results for the other parts.
local function locate(tvb, at, n, S, f, known)
    local found = known[f.n]
    if not found then
        local start, before = f.o, 0
        if f.after then
            local first, length = locate(tvb, at, n, S, S.by[f.after], known)
            if not first then return nil end
            start, before = first + length, length
        end
        local length, kind = claimed(tvb, at, n, f, start, before)
        local have = math.max(n - start, 0)
        if length < 0 or (length > have and f.clamp) then length = have end
        found = length > have and { nil, length } or { math.min(start, n), length, kind }
        known[f.n] = found
    end
    return found[1], found[2], found[3]
end

-- Length of the structure itself in bytes; nil where one of its parts exceeds the data.
local function extent(tvb, at, n, S)
    local last, known = S.size, {}
    for _, f in ipairs(S.fields) do
        if not f.variable then
            if f.o + f.z <= n then last = math.max(last, f.o + f.z) end
        else
            local start, length = locate(tvb, at, n, S, f, known)
            if not start then return nil end
            if length > 0 then last = math.max(last, start + length) end
        end
    end
    return last
end

-- Trees ----------------------------------------------------------------------------------------------------------

local walk

local function malformed(item, text) item:add_proto_expert_info(E.malformed, text) end
local function violation(item, text) item:add_proto_expert_info(E.violation, text) end

-- Dissects a part whose contents are a structure of another kind, such as a CDB or sense data.
local INSIDE = { ["srp.cmd.cdb"] = "cdb", ["srp.rsp.sense"] = "sense", ["srp.aer_req.sense"] = "sense" }

local function inside(item, tvb, at, n, root)
    local S = select(tvb, at, n, ROOTS[root])
    if not S then return violation(item, "Not assigned") end
    item:append_text(" (" .. S.title .. ")")
    -- The CDB field is padded with zeros: the CDB itself ends where its own length says.
    walk(item, tvb, at, root == "cdb" and math.min(extent(tvb, at, n, S) or n, n) or n, S)
end

local function set_names(value, names)
    local found = {}
    for one, name in pairs(names) do
        if one > 0 and band(value, one) == one then table.insert(found, name) end
    end
    table.sort(found)
    return table.concat(found, ", ")
end

local function lun_text(bytes)
    local first = bytes(0, 2):uint()
    local method, rest = math.floor(first / 0x4000), first % 0x4000
    if method == 0 then return string.format("bus %d, LUN %d", math.floor(rest / 256), rest % 256) end
    if method == 1 then return string.format("LUN %d", rest) end
    if method == 2 then
        return string.format("bus %d, target %d, LUN %d", math.floor(rest / 32) % 8, math.floor(rest / 256), rest % 32)
    end
    return "extended addressing"
end

local function fixed(tree, tvb, at, f, S)
    local bytes = tvb(at + f.o, f.z)
    if f.k == "array" then
        local size = f.z / f.times
        for i = 0, f.times - 1 do tree:add(f.field, bytes(i * size, size)) end
        return
    end
    local wide = f.w and f.z > 4
    local item = wide and tree:add(f.field, bytes, bytes:uint64():rshift(f.s):band(UInt64.max():rshift(64 - f.w)))
        or tree:add(f.field, bytes)
    if f.k == "struct" then
        item:append_text(": " .. STRUCTURES[f.item].title)
        walk(item, tvb, at + f.o, f.z, STRUCTURES[f.item])
    elseif f.k == "lun" then
        item:append_text(" (" .. lun_text(bytes) .. ")")
    elseif f.k == "int" or f.k == "flag" then
        if f.set then
            local names = set_names(number(tvb, at, f), ENUMS[f.set])
            if names ~= "" then item:append_text(" (" .. names .. ")") end
        elseif f.n == "status" and S.filter == "srp.rsp" then
            item:append_text(" (" .. (STATUS[bytes:uint()] or "reserved") .. ")")
        end
        if f.must and number(tvb, at, f) ~= f.must then
            violation(item, string.format("%s is not %d", f.n, f.must))
        end
    end
end

local function list(tree, tvb, at, n, f)
    while n > 0 do
        local S = select(tvb, at, n, f.item)
        local step = S and S.size <= n and extent(tvb, at, n, S)
        if not step or step < 1 or step > n then
            -- With a short allocation length the last one is cut short, which is no error.
            local item = tree:add(F.trailing, tvb(at, n))
            if not f.clamp then malformed(item, f.n .. " ends within an entry") end
            return
        end
        local item = tree:add(f.field, tvb(at, step))
        item:append_text(": " .. S.title)
        walk(item, tvb, at, step, S)
        at, n = at + step, n - step
    end
end

local function part(tree, tvb, at, n, f, S, known)
    local start, length, kind = locate(tvb, at, n, S, f, known)
    if not start then
        if length then
            malformed(tree, string.format("%s: %d bytes, but the structure ends before that", f.n, length))
        end
        return 0
    end
    if length == 0 then return 0 end
    if f.k == "list" then
        list(tree, tvb, at + start, length, f)
    else
        local item = tree:add(f.field, tvb(at + start, length))
        local root = INSIDE[S.filter .. "." .. f.n]
        if root then
            inside(item, tvb, at + start, length, root)
        elseif kind then
            item:append_text(": " .. kind.title)
            walk(item, tvb, at + start, length, kind)
        end
    end
    return start + length
end

function walk(tree, tvb, at, n, S)
    if n < S.size then malformed(tree, string.format("%s: %d bytes of %d", S.title, n, S.size)) end
    local shown, known = 0, {}
    for _, f in ipairs(S.fields) do
        if f.variable then
            if n >= S.size then shown = math.max(shown, part(tree, tvb, at, n, f, S, known)) end
        elseif f.o + f.z <= n then
            fixed(tree, tvb, at, f, S)
            shown = math.max(shown, f.o + f.z)
        end
    end
    if shown < n then tree:add(F.trailing, tvb(at + shown, n - shown)) end
end

-- Connections: requests, and what belongs to them ----------------------------------------------------------------
-- These tables are filled when a packet is dissected for the first time; later they are looked up by packet number.

local connections -- key -> connection: requests that wait for a response, transactions, RDMA WRITEs under way
local ends        -- address and queue pair -> connection, of RDMA
local logins      -- transaction of the connection manager -> connection
local links       -- packet number -> request (its packet, time, name), answer, target: how its data is dissected

local function reset()
    connections, ends, logins, links = {}, {}, {}, {}
end
reset()
function srp.init() reset() end

local function connection(key)
    local found = connections[key]
    if not found then
        found = { waiting = {}, transactions = {}, writing = {} }
        connections[key] = found
    end
    return found
end

local function link(pinfo)
    local found = links[pinfo.number]
    if not found then
        found = {}
        links[pinfo.number] = found
    end
    return found
end

local function data_target(row, tvb, at)
    if not row then return nil end
    return row.by and row.values[number(tvb, at, row.by)] or row.other
end

local BUFFERS = {
    ["mad.AdapterInfo"] = "adapter_info", ["mad.Capabilities"] = "capabilities",
    ["mad.ErrorLog"] = "error_log", ["mad.PhysAdapterInfo"] = "phys_adapter_info",
}

-- Memory regions of the IU's descriptors: key, address, offset in the data; and the place of an indirect table.
local function stretches(tvb, n, S, name, known)
    local found = {}
    local start, length, kind = locate(tvb, 0, n, S, S.by[name], known)
    if not start or length < 16 then return found end
    local at, offset = start, 0
    if kind.by.table_desc then
        found.table = { address = tvb(start, 8):uint64(), length = tvb(start + 12, 4):uint() }
        at = start + kind.size
    end
    while at + 16 <= start + length do
        local size = tvb(at + 12, 4):uint()
        table.insert(found, { address = tvb(at, 8):uint64(), key = tvb(at + 8, 4):uint(), length = size, offset = offset })
        at, offset = at + 16, offset + size
    end
    return found
end

-- The parts of a request that are needed later.
local function request(tvb, n, S, key, pinfo)
    local made = { packet = pinfo.number, time = pinfo.rel_ts, name = S.title, seen = {} }
    if key == "srp.Cmd" and n >= S.size then
        local known = {}
        local start, length = locate(tvb, 0, n, S, S.by.cdb, known)
        if start then
            local cdb = select(tvb, start, length, ROOTS.cdb)
            if cdb and cdb.size <= length then
                made.name = cdb.title
                made.into = data_target(DATA_IN[cdb.key], tvb, start)
                made.from = data_target(DATA_OUT[cdb.key], tvb, start)
            end
            made.data_in = stretches(tvb, n, S, "data_in", known)
            made.data_out = stretches(tvb, n, S, "data_out", known)
        end
    elseif BUFFERS[key] then
        made.into = ROOTS[BUFFERS[key]]
        made.from = made.into
    end
    return made
end

for key, S in pairs(STRUCTURES) do S.key = key end

-- Links a request and its response (IUs or datagrams). `way` is "i" for a request of the initiator.
local function match(tvb, n, S, pinfo, where, answers, way)
    local here = link(pinfo)
    if n < 16 or here.learnt then return end
    local tag = way .. tvb(8, 8):bytes():tohex()
    here.learnt = true
    if answers then
        here.answers = true
        local asked = where.waiting[tag]
        where.waiting[tag] = nil
        if asked then
            here.request, here.time = asked, pinfo.rel_ts - asked.time
            links[asked.packet].answer = pinfo.number
            links[asked.packet].time = here.time
        end
    else
        here.own = request(tvb, n, S, S.key, pinfo)
        where.waiting[tag] = here.own
    end
end

local function seconds(value)
    local whole = math.floor(value)
    return NSTime(whole, math.floor((value - whole) * 1e9 + 0.5))
end

-- The generated lines of an IU or datagram; `timed`: whether its time is valid.
local function joined(tree, pinfo, timed)
    local here = links[pinfo.number]
    if not here then return end
    if here.request then
        tree:add(F.request_in, here.request.packet):set_generated()
        tree:add(F.command, here.request.name):set_generated()
        if timed then tree:add(F.time, seconds(here.time)):set_generated() end
    elseif here.answers then
        tree:add_proto_expert_info(E.unanswered)
    end
    if here.answer then
        tree:add(F.response_in, here.answer):set_generated()
        if timed then tree:add(F.time, seconds(here.time)):set_generated() end
    end
end

-- Protocols ------------------------------------------------------------------------------------------------------

local function info(pinfo, name, text)
    pinfo.cols.protocol = name
    pinfo.cols.info = text
end

local function unknown(proto, tvb, tree, text)
    local item = tree:add(proto, tvb())
    item:add(F.trailing, tvb())
    malformed(item, text)
end

local function about(S, tvb, n, pinfo)
    local here, text = links[pinfo.number], S.title
    if here and here.own and here.own.name ~= text then text = text .. " " .. here.own.name end
    if S.key == "srp.Rsp" then
        local status = get(tvb, 0, n, S, "status")
        text = text .. " " .. (STATUS[status] or "")
    end
    if here and here.request then text = text .. " (" .. here.request.name .. ")" end
    return text
end

local function dissect_iu(tvb, pinfo, tree, where, timed)
    local n = tvb:len()
    local S = n > 0 and select(tvb, 0, n, ROOTS.iu)
    pinfo.cols.protocol = "SRP"
    if not S then return unknown(srp, tvb, tree, "no IU of SRP") end
    local opcode = tvb(0, 1):uint()
    local answers, by_target = band(opcode, 0x40) > 0, band(opcode, 0x80) > 0
    match(tvb, n, S, pinfo, where, answers, answers == by_target and "i" or "t")
    local item = tree:add(srp, tvb())
    item:append_text(", " .. S.title)
    walk(item, tvb, 0, n, S)
    joined(item, pinfo, timed)
    info(pinfo, "SRP", about(S, tvb, n, pinfo))
end

local function dissect_mad(tvb, pinfo, tree, where, timed, answers)
    local n = tvb:len()
    local S = n > 0 and select(tvb, 0, n, ROOTS.mad)
    pinfo.cols.protocol = "VIOSRP"
    if not S then return unknown(viosrp, tvb, tree, "no datagram") end
    match(tvb, n, S, pinfo, where, answers, "m")
    local item = tree:add(viosrp, tvb())
    item:append_text(", " .. S.title)
    walk(item, tvb, 0, n, S)
    joined(item, pinfo, timed)
    info(pinfo, "VIOSRP", S.title .. (answers and " answer" or ""))
end

-- Data of a command; `target` is the structure to dissect it as, if any.
local function dissect_data(tvb, pinfo, tree, proto)
    local here = links[pinfo.number] or {}
    local n = tvb:len()
    local S = here.target and select(tvb, 0, n, here.target)
    local item = tree:add(proto, tvb())
    local text = "Data" .. (here.request and " of " .. here.request.name or "")
    info(pinfo, proto == srp and "SRP" or "VIOSRP", text)
    item:append_text(", " .. text)
    if here.request then
        item:add(F.command, here.request.name):set_generated()
        item:add(F.request_in, here.request.packet):set_generated()
    end
    if S and here.every then
        for at = 0, n - S.size, S.size do
            local one = item:add(F.data, tvb(at, S.size))
            walk(one, tvb, at, S.size, S)
        end
        if n % S.size > 0 then item:add(F.trailing, tvb(n - n % S.size)) end
    elseif S then
        local all = item:add(F.data, tvb())
        all:append_text(" (" .. S.title .. ")")
        walk(all, tvb, 0, n, S)
    else
        item:add(F.data, tvb())
    end
end

-- Records of virtual SCSI ----------------------------------------------------------------------------------------

local HEADER = STRUCTURES[ROOTS.captured]
local ELEMENT, IU, DATA, HCALL = 1, 2, 3, 4
local TO_TARGET = 1

-- The kind of a transaction's data: the table of an indirect descriptor, the first data of a command, or later data.
local function learn_data(pinfo, where, header, address)
    local asked = header.transaction and where.transactions[header.transaction]
    if not asked then return end
    local here, outward = link(pinfo), header.direction == TO_TARGET
    if here.learnt then return end
    here.learnt, here.request = true, asked
    for _, way in ipairs { asked.data_in or {}, asked.data_out or {} } do
        local first = way.table
        local into = first and address and (address - first.address):tonumber()
        if outward and into and into >= 0 and into < first.length then
            here.target, here.every = ROOTS.descriptor, true
            return
        end
    end
    if not asked.seen[outward] or header.format == 2 then
        here.target = outward and asked.from or not outward and asked.into or nil
    end
    asked.seen[outward] = true
end

function vscsi.dissector(tvb, pinfo, tree)
    local n = tvb:len()
    local item = tree:add(vscsi, tvb(0, math.min(n, HEADER.size)))
    pinfo.cols.protocol = "VSCSI"
    if n < HEADER.size then
        item:add(F.trailing, tvb())
        malformed(item, string.format("a header of %d bytes", n))
        return n
    end
    walk(item, tvb, 0, HEADER.size, HEADER)
    local what, length = get(tvb, 0, n, HEADER, "what"), get(tvb, 0, n, HEADER, "length")
    local flags = get(tvb, 0, n, HEADER, "flags")
    local header = { direction = get(tvb, 0, n, HEADER, "direction"), format = get(tvb, 0, n, HEADER, "format") }
    header.transaction = band(flags, 1) > 0 and get(tvb, 0, n, HEADER, "transaction") or nil
    local address = band(flags, 2) > 0 and tvb(16, 8):uint64() or nil
    local timed, to_target = band(flags, 4) > 0, header.direction == TO_TARGET
    pinfo.cols.src = to_target and "initiator" or "target"
    pinfo.cols.dst = to_target and "target" or "initiator"
    if n == HEADER.size then
        pinfo.cols.info = "Nothing was written"
        return n
    end
    local payload = tvb(HEADER.size):tvb()
    local where = connection("recorded " .. get(tvb, 0, n, HEADER, "connection"))
    if length > n - HEADER.size then
        -- The recorder kept only the first bytes: do not dissect them as a structure that ends there.
        if what == DATA then
            learn_data(pinfo, where, header, address)
            link(pinfo).target = nil
        end
        dissect_data(payload, pinfo, tree, srp)
    elseif what == ELEMENT then
        local element = STRUCTURES[ROOTS.element]
        local one = tree:add(crq, payload())
        walk(one, payload, 0, payload:len(), element)
        local valid = get(payload, 0, payload:len(), element, "valid")
        info(pinfo, "CRQ", "Element " .. (ENUMS["crq.Valid"][valid] or "reserved"))
    elseif what == IU and header.format == 2 then
        dissect_mad(payload, pinfo, tree, where, timed, not to_target)
    elseif what == IU then
        dissect_iu(payload, pinfo, tree, where, timed)
    elseif what == DATA then
        learn_data(pinfo, where, header, address)
        dissect_data(payload, pinfo, tree, header.format == 2 and viosrp or srp)
    else
        for at = 0, payload:len() - 8, 8 do item:add(F.arguments, payload(at, 8)) end
        local rest = payload:len() % 8
        if rest > 0 then item:add(F.trailing, payload(payload:len() - rest)) end
        pinfo.cols.info = what == HCALL and "Hypervisor call" or "Unknown record"
    end
    local here = links[pinfo.number]
    if here and here.own and header.transaction then where.transactions[header.transaction] = here.own end
    return n
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, vscsi)

-- SRP over RDMA --------------------------------------------------------------------------------------------------

local opcode_of = Field.new("infiniband.bth.opcode")
local pair_of = Field.new("infiniband.bth.destqp")
local address_of = Field.new("infiniband.reth.va")
local key_of = Field.new("infiniband.reth.r_key")
local transaction_of = Field.new("infiniband.mad.transactionid")
local attribute_of = Field.new("infiniband.mad.attributeid")
local asking_pair = Field.new("infiniband.cm.req.localqpn")
local answering_pair = Field.new("infiniband.cm.rep.localqpn")
local by_ip = Field.new("infiniband.cm.req.ip_cm.private")

local function zeros(tvb, from, to)
    for i = from, to do
        if tvb(i, 1):uint() ~= 0 then return false end
    end
    return true
end

-- Whether bytes look like the IU of their first byte, the opcode: enough bytes, and reserved fields that are zero.
local function looks_like_iu(tvb)
    local n = tvb:len()
    local S = n >= 16 and select(tvb, 0, n, ROOTS.iu)
    if not S or S.size > n then return false end
    for _, f in ipairs(S.fields) do
        if f.reserved and not f.variable and not zeros(tvb, f.o, f.o + f.z - 1) then return false end
    end
    return extent(tvb, 0, n, S) ~= nil
end

-- The opcodes of the reliable connected service (InfiniBand 1.4, table 38): the last five bits, of which service 000b.
local SEND_ONLY = { [0x04] = true, [0x05] = true, [0x16] = true, [0x17] = true }
local SEND_PART = { [0x00] = true, [0x01] = true, [0x02] = true, [0x03] = true }
local WRITE_START = { [0x06] = true, [0x0A] = true, [0x0B] = true }
local MOVED = {
    [0x06] = true, [0x07] = true, [0x08] = true, [0x09] = true, [0x0A] = true, [0x0B] = true,
    [0x0D] = true, [0x0E] = true, [0x0F] = true, [0x10] = true,
}

local sources = { Field.new("ip.src"), Field.new("ipv6.src"), Field.new("infiniband.lrh.slid") }
local destinations = { Field.new("ip.dst"), Field.new("ipv6.dst"), Field.new("infiniband.lrh.dlid") }

-- An end of a connection: address and queue pair. Wireshark shows the LIDs in a request of the connection manager as the
-- packet's addresses; over Ethernet these LIDs have no meaning.
local function address(fields)
    for _, field in ipairs(fields) do
        local found = field()
        if found then return tostring(found.value) end
    end
    return "?"
end

local function place(fields, pair) return address(fields) .. "/" .. tostring(pair) end

-- The command to which an RDMA WRITE into the initiator's memory belongs.
local function learn_write(pinfo, where, opcode, pair)
    local here = link(pinfo)
    if here.learnt then return end
    here.learnt = true
    if WRITE_START[opcode] then
        local address, key = address_of(), key_of()
        where.writing[pair] = nil
        for _, asked in pairs(address and key and where.waiting or {}) do
            for _, one in ipairs(asked.data_in or {}) do
                local into = (address.value - one.address):tonumber()
                if one.key == key.value and into >= 0 and into < one.length then
                    where.writing[pair] = asked
                    if one.offset + into == 0 then here.target = asked.into end
                end
            end
        end
    end
    -- RDMA READ responses, which carry data to the device, do not tell which request they belong to.
    if opcode <= 0x0B then here.request = where.writing[pair] end
end

local function payload(tvb, pinfo, tree)
    local opcode, pair = opcode_of(), pair_of()
    if not opcode or not pair then return false end
    local to = place(destinations, pair.value)
    local where = ends[to]
    if SEND_ONLY[opcode.value] then
        if not where and not looks_like_iu(tvb) then return false end
        if not where then
            -- Only the login tells which queue pairs belong together. Without it the addresses alone are used.
            local one, other = address(sources), address(destinations)
            where = connection(one < other and one .. " " .. other or other .. " " .. one)
            ends[to] = where
        end
        dissect_iu(tvb, pinfo, tree, where, true)
        return true
    end
    if not where then return false end
    if SEND_PART[opcode.value] then
        local item = tree:add(srp, tvb())
        item:add(F.fragment, tvb())
        info(pinfo, "SRP", "Fragment of an IU")
        return true
    end
    if not MOVED[opcode.value] then return false end
    learn_write(pinfo, where, opcode.value, pair.value)
    dissect_data(tvb, pinfo, tree, srp)
    return true
end

local CONNECT_REQUEST, CONNECT_REJECT, CONNECT_REPLY = 0x10, 0x12, 0x13

-- LOGIN_REQ in a request of the connection manager. With IP addressing it is 56 bytes, in another order.
local function login_form(tvb)
    local n = tvb:len()
    if by_ip() then
        local S = STRUCTURES[ROOTS.login_cm]
        if n < S.size or tvb(11, 1):uint() ~= 0 or not zeros(tvb, 50, 55) then return nil end
        return band(tvb(8, 2):uint(), 0x6) > 0 and tvb(12, 4):uint() >= 64 and S
    end
    return n >= 64 and tvb(0, 1):uint() == 0 and looks_like_iu(tvb(0, 64):tvb()) and band(tvb(24, 2):uint(), 0x6) > 0
        and STRUCTURES["srp.LoginReq"]
end

local function private_data(tvb, pinfo, tree)
    local attribute, transaction = attribute_of(), transaction_of()
    if not attribute or not transaction then return false end
    local kind, id = attribute.value, tostring(transaction.value)
    local where = logins[id]
    if kind == CONNECT_REQUEST then
        local S = login_form(tvb)
        if not S then return false end
        if not where then
            where = connection("login " .. id)
            logins[id] = where
        end
        local pair = asking_pair()
        if pair then ends[place(sources, pair.value)] = where end
        if not link(pinfo).learnt then
            local tag = tvb(S.by.tag.o, 8):bytes():tohex()
            link(pinfo).learnt = true
            link(pinfo).own = { packet = pinfo.number, time = pinfo.rel_ts, name = "SRP_LOGIN_REQ", seen = {} }
            where.waiting["i" .. tag] = link(pinfo).own
        end
        local item = tree:add(srp, tvb())
        item:append_text(", SRP_LOGIN_REQ in a request of the connection manager")
        walk(item, tvb, 0, tvb:len(), S)
        joined(item, pinfo, true)
        info(pinfo, "SRP", "SRP_LOGIN_REQ in CM ConnectRequest")
        return true
    end
    if not where or (kind ~= CONNECT_REPLY and kind ~= CONNECT_REJECT) then return false end
    local pair = answering_pair()
    if pair then ends[place(sources, pair.value)] = where end
    dissect_iu(tvb, pinfo, tree, where, true)
    return true
end

srp:register_heuristic("infiniband.payload", payload)
srp:register_heuristic("infiniband.mad.cm.private", private_data)

-- The InfiniBand dissector calls these only where there is a tree. When Wireshark loads a file it makes no tree, unless a
-- listener has a filter. With such a listener, requests and responses are dissected in order.
if gui_enabled() then Listener.new("frame", "infiniband") end
