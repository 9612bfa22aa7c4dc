import NIOCore

/// The control calls that change how an instance behaves.
extension ControlInterface {
    private static let webhookShape = FieldShape.record(["url": .string, "secret": .string], required: ["url", "secret"])

    /// `PUT` replaces the rules, `POST` adds to them, `DELETE` clears them; all of them and `GET` answer what is left of each rule.
    func faults(method: String, instance: String, body: ByteBuffer) throws(ControlRefusal) -> Answer {
        switch method {
        case "PUT": try world.setFaults(Self.rules(body), on: instance)
        case "POST": try world.addFaults(Self.rules(body), on: instance)
        case "DELETE": try world.setFaults([], on: instance)
        case "GET": break
        default: return Self.methodNotAllowed("GET, PUT, POST, DELETE")
        }
        return Answer(["faults": try world.faults(on: instance)])
    }

    private static func rules(_ body: ByteBuffer) throws(ControlRefusal) -> [FaultRule] {
        let value = try read(body)
        var rules: [FaultRule] = []
        for description in value.array ?? [value] { rules.append(try FaultRule(description)) }
        return rules
    }

    /// `PUT` changes the options that the body names; it and `GET` answer all of them.
    func options(method: String, instance: String, body: ByteBuffer) throws(ControlRefusal) -> Answer {
        switch method {
        case "PUT": Answer(try world.mergeOptions(Self.read(body), on: instance))
        case "GET": Answer(try world.mergeOptions([:], on: instance))
        default: Self.methodNotAllowed("GET, PUT")
        }
    }

    /// `PUT {url, secret}` sets where events go, `DELETE` stops them.
    func webhook(method: String, instance: String, body: ByteBuffer) throws(ControlRefusal) -> Answer {
        switch method {
        case "PUT":
            let fields = try Self.webhookShape.requireControl(Self.read(body))
            guard let url = fields["url"]?.string, url.hasPrefix("http://") || url.hasPrefix("https://"),
                let secret = fields["secret"]?.string
            else { throw ControlRefusal("url must be an http or https address") }
            try world.setWebhook(WebhookTarget(url: url, secret: secret), on: instance)
        case "DELETE":
            try world.setWebhook(nil, on: instance)
        default:
            return Self.methodNotAllowed("PUT, DELETE")
        }
        return Self.done
    }
}
