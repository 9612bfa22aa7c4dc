/// The control calls that change how an instance behaves.
extension ControlInterface {
    /// `PUT` replaces the rules, `POST` adds to them, `DELETE` clears them. All of these and `GET` respond with what remains of each rule.
    func faults(method: String, instance: String, body: [UInt8]) throws(ControlRefusal) -> Response {
        let rules: [FaultRule]
        switch method {
        case "PUT", "POST": rules = try Self.rules(body)
        case "DELETE", "GET": rules = []
        default: return Self.methodNotAllowed("GET, PUT, POST, DELETE")
        }
        let left = try world.change(instance) { instance in
            if method == "PUT" || method == "DELETE" { instance.faults.replace(with: rules) } else { instance.faults.append(rules) }
            return instance.faults.description
        }
        return Response(["faults": left])
    }

    private static func rules(_ body: [UInt8]) throws(ControlRefusal) -> [FaultRule] {
        let value = try read(body)
        var rules: [FaultRule] = []
        for description in value.array ?? [value] { rules.append(try FaultRule(description)) }
        return rules
    }

    /// `PUT` sets the options in the body. It and `GET` respond with all options.
    func options(method: String, instance: String, body: [UInt8]) throws(ControlRefusal) -> Response {
        let options: SandboxJSON
        switch method {
        case "PUT": options = try Self.read(body)
        case "GET": options = [:]
        default: return Self.methodNotAllowed("GET, PUT")
        }
        return Response(try world.change(instance) { instance throws(ControlRefusal) in try instance.mergeOptions(options) })
    }

    /// `PUT {url, secret}` sets where events are sent, `DELETE` stops sending them.
    func webhook(method: String, instance: String, body: [UInt8]) throws(ControlRefusal) -> Response {
        switch method {
        case "PUT": try world.setWebhook(WebhookTarget(Self.read(body)), on: instance)
        case "DELETE": try world.setWebhook(nil, on: instance)
        default: return Self.methodNotAllowed("PUT, DELETE")
        }
        return Self.done
    }
}
