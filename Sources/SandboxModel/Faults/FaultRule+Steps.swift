extension RemoteResponse {
    /// The steps on the connection of a call with this response.
    /// - Parameter body: sent instead of the response's own.
    func steps(method: String, body: [UInt8]? = nil) -> [ConnectionStep] {
        [.response(status, headers: headers, body: body ?? self.body.encoded, method: method)]
    }
}

extension FaultRule {
    /// The number of pieces of a slow body.
    private static let slowPieces = 20

    /// The steps on the connection of a call that this fault hits.
    /// - Parameter response: the response of the system, or of the fault in its place.
    func steps(for response: RemoteResponse, method: String) -> [ConnectionStep] {
        let wait: [ConnectionStep] = waitMilliseconds > 0 ? [.wait(milliseconds: waitMilliseconds)] : []
        switch kind {
        case .dropBefore, .dropAfter, .hangBefore, .hangAfter: return wait + [.close(resets: resets)]
        case .truncated: return wait + Self.truncated(response)
        case .slowBody: return slow(response)
        case .hugeBody: return wait + huge()
        case .garbage: return wait + response.steps(method: method, body: Array("<html>this is not JSON".utf8))
        case .status: return wait + response.steps(method: method, body: rawBody)
        default: return wait + response.steps(method: method)
        }
    }

    private static func truncated(_ response: RemoteResponse) -> [ConnectionStep] {
        let body = response.body.encoded
        let head = ResponseHead(status: response.status, headers: response.headers, contentLength: body.count + 100)
        return [.begin(head), .send(Array(body.prefix(max(1, body.count / 2)))), .close(resets: false)]
    }

    private func slow(_ response: RemoteResponse) -> [ConnectionStep] {
        let body = response.body.encoded
        let pieces = max(1, min(Self.slowPieces, body.count))
        var steps = [ConnectionStep.begin(ResponseHead(status: response.status, headers: response.headers, contentLength: body.count))]
        for piece in 0..<pieces {
            steps.append(.wait(milliseconds: waitMilliseconds / pieces))
            steps.append(.send(Array(body[body.count * piece / pieces..<body.count * (piece + 1) / pieces])))
        }
        return steps + [.end]
    }

    /// A JSON object with a single large member, so that only the size is wrong.
    private func huge() -> [ConnectionStep] {
        let start = Array("{\"padding\":\"".utf8)
        let end = Array("\"}".utf8)
        let padding = max(0, bytes - start.count - end.count)
        let head = ResponseHead(status: 200, headers: [], contentLength: start.count + padding + end.count)
        return [.begin(head), .send(start), .pad(padding), .send(end), .end]
    }

    /// A string as the rule's body is sent as it is, not as JSON.
    private var rawBody: [UInt8]? { (body?.string).map { Array($0.utf8) } }
}
