extension InstanceOptions {
    private static let shape = FieldShape.record(
        [
            "token": .nullable(.string),
            "rate_limit": .nullable(.record(["per_second": .number, "retry_after": .nullable(.integer)], required: ["per_second"])),
            "concurrency_limit": .nullable(.integer),
            "deleted": .list(.string),
            "auto_create": .boolean,
            "echo_writes": .boolean,
            "bare_problems": .boolean,
            "agents": .anyObject,
            "envelope": .boolean,
            "users": .anyObject,
            "accept_completed": .boolean,
            "stale_changes": .integer,
            "list_order": .oneOf(["ts", "last_modified"]),
            "title_form": TitleForm.shape,
            "refused_members": .list(RefusedMember.shape),
            "reopens_with": .nullable(.string),
            "lagging_reads": .integer,
            "write_response": .oneOf(WriteResponse.allCases.map(\.rawValue)),
            "fin_status": .oneOf(FinDocument.statuses),
            "fin_status_by_conversation": .anyObject,
            "fin_replies": .boolean,
            "unknown_attributes": .list(.string),
            "dedupe_window_ms": .integer,
        ],
        required: []
    )

    /// Takes over the options that a control call names and leaves the others alone.
    mutating func merge(_ description: SandboxJSON) throws(ControlRefusal) {
        let fields = try Self.shape.requireControl(description)
        mergeLimits(fields)
        mergeIdentities(fields)
        mergeStorage(fields)
        if let value = fields["auto_create"]?.boolean { autoCreate = value }
        if let value = fields["echo_writes"]?.boolean { echoesWrites = value }
        if let value = fields["bare_problems"]?.boolean { bareProblems = value }
        if let value = fields["envelope"]?.boolean { envelope = value }
        if let value = fields["accept_completed"]?.boolean { acceptCompleted = value }
        if let value = fields["stale_changes"]?.integer { staleChanges = value }
        if let value = fields["list_order"]?.string { listsByLastModified = value == "last_modified" }
        if let value = fields["fin_status"]?.string { finStatus = value }
        if let value = fields["fin_replies"]?.boolean { finReplies = value }
        if let value = fields["unknown_attributes"]?.strings { unknownAttributes = Set(value) }
        if let value = fields["dedupe_window_ms"]?.integer { dedupeWindowMilliseconds = value }
    }

    private mutating func mergeLimits(_ fields: [String: SandboxJSON]) {
        if let value = fields["rate_limit"] {
            rateLimit = value["per_second"]?.number.map {
                RateLimit(perSecond: $0, retryAfterSeconds: value["retry_after"]?.integer)
            }
        }
        if let value = fields["concurrency_limit"] { concurrencyLimit = value.integer }
    }

    /// What the system makes of calls that it takes over, or refuses for one value.
    private mutating func mergeStorage(_ fields: [String: SandboxJSON]) {
        if let value = fields["title_form"] { titleForm = TitleForm(value) }
        if let value = fields["refused_members"]?.array { refusedMembers = value.map(RefusedMember.init) }
        if let value = fields["reopens_with"] { reopensWith = value.string }
        if let value = fields["lagging_reads"]?.integer { laggingReads = value }
        if let value = fields["write_response"]?.string { writeResponse = WriteResponse(rawValue: value) ?? writeResponse }
    }

    private mutating func mergeIdentities(_ fields: [String: SandboxJSON]) {
        if let value = fields["token"] { token = value.string }
        if let value = fields["deleted"]?.strings { deleted = Set(value) }
        if let value = fields["agents"]?.object { agents = value.compactMapValues(\.string) }
        if let value = fields["users"]?.object { users = value.compactMapValues(\.string) }
        if let value = fields["fin_status_by_conversation"]?.object { finStatusByConversation = value.compactMapValues(\.string) }
    }

    /// What is in force, without the token.
    var description: SandboxJSON {
        [
            "has_own_token": .boolean(token != nil),
            "rate_limit": rateLimit.map { ["per_second": .number($0.perSecond), "retry_after": .optional($0.retryAfterSeconds)] } ?? .null,
            "concurrency_limit": .optional(concurrencyLimit),
            "deleted": .array(deleted.sorted().map(SandboxJSON.string)),
            "auto_create": .boolean(autoCreate),
            "echo_writes": .boolean(echoesWrites),
            "bare_problems": .boolean(bareProblems),
            "agents": .object(agents.mapValues(SandboxJSON.string)),
            "envelope": .boolean(envelope),
            "users": .object(users.mapValues(SandboxJSON.string)),
            "accept_completed": .boolean(acceptCompleted),
            "stale_changes": .integer(staleChanges),
            "list_order": listsByLastModified ? "last_modified" : "ts",
            "title_form": titleForm.description,
            "refused_members": .array(refusedMembers.map(\.description)),
            "reopens_with": .optional(reopensWith),
            "lagging_reads": .integer(laggingReads),
            "write_response": .string(writeResponse.rawValue),
            "fin_status": .string(finStatus),
            "fin_status_by_conversation": .object(finStatusByConversation.mapValues(SandboxJSON.string)),
            "fin_replies": .boolean(finReplies),
            "unknown_attributes": .array(unknownAttributes.sorted().map(SandboxJSON.string)),
            "dedupe_window_ms": .integer(dedupeWindowMilliseconds),
        ]
    }
}
