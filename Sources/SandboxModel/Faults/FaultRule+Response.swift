extension FaultRule {
    /// The response of a fault that keeps the call from the system.
    func response(to call: RemoteCall, kind: SimulatedKind, context: RemoteContext) -> RemoteResponse {
        if self.kind == .errorInside, let body = kind.errorInside?(call.path) {
            return RemoteResponse(body: body, outcome: .prevented)
        }
        if self.kind == .redirect {
            return RemoteResponse(status: 307, headers: [HTTPHeader("Location", location)], body: [:], outcome: .prevented)
        }
        let message = "the sandbox was told to answer \(status)"
        let body = body ?? kind.errorBody(status: status, message: message, path: call.path, context: context)
        return RemoteResponse(status: status, headers: statusHeaders(now: context.now), body: body, outcome: .prevented)
    }

    /// The headers of a fault `status`: the given ones, and those that depend on the time.
    private func statusHeaders(now: SandboxInstant) -> [HTTPHeader] {
        var result = headers.sorted { $0.key < $1.key }.map { HTTPHeader($0.key, $0.value) }
        if let seconds = retryAfterSeconds { result.append(HTTPHeader("Retry-After", String(seconds))) }
        if let seconds = retryAfterDateSeconds {
            result.append(HTTPHeader("Retry-After", now.advanced(bySeconds: seconds).httpDate))
        }
        if let seconds = rateLimitResetSeconds {
            result.append(HTTPHeader("X-RateLimit-Remaining", "0"))
            result.append(HTTPHeader("X-RateLimit-Reset", String(now.seconds + seconds)))
        }
        return result
    }

    /// Applies the fault to the response of a system that received the call.
    func distort(_ response: inout RemoteResponse, of system: inout any RemoteSystem, kind: SimulatedKind, key: ConversationKey?) {
        switch self.kind {
        case .wrongType:
            response.status = 200
            response.body = kind.wrongShape
        case .drift:
            guard let value, response.status == 200 else { return }
            for path in kind.statusPaths { response.body.replace(path, with: .string(value)) }
            if isStored, let key, response.outcome == .applied { system.overrideStatus(of: key, with: value) }
        case .garbage, .hugeBody:
            response.status = 200
        default:
            break
        }
    }
}
