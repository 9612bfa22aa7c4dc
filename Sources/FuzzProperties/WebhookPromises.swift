import Crypto
import SyncCore
import SyncRemotes

/// Webhook calls of every kind of remote. The first line of an input is `KIND PROOF`, the rest is the body.
///
/// `right`: the call carries the right signature or secret, if that is in a header. Any other proof is not.
enum WebhookPromises {
    private enum Proof {
        case right, otherSecret, oneBit, missing, empty, body
    }

    static let secret = "wh-0123456789abcdef-secret"
    private static let kinds = Kinds.all.map { ($0.name, value: $0) }
    private static let proofs: [(name: String, value: Proof)] = [
        ("right", .right), ("right", .right), ("right", .right), ("other", .otherSecret), ("bit", .oneBit), ("missing", .missing),
        ("empty", .empty), ("body", .body),
    ]

    @Sendable static func check(_ bytes: [UInt8]) throws(BrokenPromise) -> FuzzTarget.Reading {
        var input = FuzzInput(bytes)
        let kind = input.choose(among: kinds)
        let proof = input.choose(among: proofs)
        guard let scheme = kind.webhook else { return .refused }
        let own: OwnValues = ["webhook.id_path": .text("data.id")]
        let reader = WebhookReader(scheme, own: own, secret: WebhookSecret(secret))
        let result = read(input.rest, proof, scheme.proof(own), by: reader)
        switch result {
        case .success(let reading):
            try checkAuthentication(of: input.rest, proof, scheme.proof(own))
            try check(reading)
            try checkRepetition(of: input.rest, reading, scheme.proof(own), by: reader)
            return .accepted
        case .failure(let rejection):
            try check(rejection, proof, hasHeader: reader.proofHeader != nil)
            return .refused
        }
    }

    private static func read(
        _ body: [UInt8], _ proof: Proof, _ scheme: WebhookScheme.Proof, by reader: WebhookReader
    ) -> Result<WebhookReading, WebhookRejection> {
        Result { () throws(WebhookRejection) in try reader.read(body, proof: value(of: proof, scheme, for: body)) }
    }

    private static func value(of proof: Proof, _ scheme: WebhookScheme.Proof, for body: [UInt8]) -> String? {
        let right: String
        switch scheme {
        case .signature: right = signature(of: body, by: secret)
        case .secret: right = secret
        case .enclosed: return nil
        }
        switch proof {
        case .right: return right
        case .otherSecret: return signature(of: body, by: "another")
        case .oneBit: return right.dropLast() + (right.hasSuffix("0") ? "1" : "0")
        case .missing: return nil
        case .empty: return ""
        case .body: return String(decoding: body, as: UTF8.self)
        }
    }

    private static func signature(of body: [UInt8], by secret: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Array(secret.utf8)))
        return code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// A call is read only if its sender knows the secret.
    private static func checkAuthentication(of body: [UInt8], _ proof: Proof, _ scheme: WebhookScheme.Proof) throws(BrokenPromise) {
        let isKnown: Bool
        switch scheme {
        case .enclosed:
            let value = try? JSONValue(bytes: body)
            isKnown = value?["payload"]?["workspaceSecret"]?.stringValue?.hasSameBytes(as: secret) == true
        case .secret: isKnown = proof == .right || (proof == .body && Array(secret.utf8) == body)
        case .signature: isKnown = proof == .right
        }
        try BrokenPromise.unless(isKnown, "a call without the secret is not read")
    }

    private static func check(_ rejection: WebhookRejection, _ proof: Proof, hasHeader: Bool) throws(BrokenPromise) {
        switch rejection {
        case .unsigned: try BrokenPromise.unless(proof != .right || !hasHeader, "a call with the right proof is not unsigned")
        case .wrongSignature: try BrokenPromise.unless(proof != .right || !hasHeader, "the right proof is not wrong")
        case .unreadable(let refusal):
            try BrokenPromise.unless(proof == .right || proof == .body || !hasHeader, "only the sender learns what cannot be read")
            try ResponsePromises.check(refusal)
            try TextPromises.checkSecrecy(refusal.reason, "the reason", of: secret)
        }
    }

    private static func check(_ reading: WebhookReading) throws(BrokenPromise) {
        switch reading {
        case .notices(let notices): for notice in notices { try check(notice) }
        case .ignored(let event): try checkName(event, "the name of an ignored event", limit: 100)
        case .partial(let notices, let conversationID, let refusal):
            for notice in notices { try check(notice) }
            try checkName(conversationID, "the id of a conversation", limit: 512)
            try ResponsePromises.check(refusal)
        }
    }

    private static func check(_ notice: Notice) throws(BrokenPromise) {
        switch notice {
        case .status(let conversationID, let word, let at, let key):
            try checkName(conversationID, "the id of a conversation", limit: 512)
            try checkName(word, "a status value", limit: 100)
            try checkName(key, "the key of an event", limit: 700)
            try BrokenPromise.unless(Instant(iso8601: at.iso8601) == at, "the time of an event can be stored")
        case .message(let conversationID, let id, _, let at, let key):
            try checkName(conversationID, "the id of a conversation", limit: 512)
            try checkName(id, "the id of a message", limit: 512)
            try checkName(key, "the key of an event", limit: 700)
            try BrokenPromise.unless(Instant(iso8601: at.iso8601) == at, "the time of an event can be stored")
        case .changed(let remoteID, let agentID):
            try checkName(remoteID, "the id of an object", limit: 512)
            if let agentID { try checkName(agentID, "the id of an agent", limit: 512) }
        case .somethingChanged: break
        }
    }

    /// Ids and names are stored as they are: not empty, of bounded size, without control characters.
    /// - Parameter limit: in UTF-8 bytes.
    private static func checkName(_ text: String, _ name: String, limit: Int) throws(BrokenPromise) {
        try BrokenPromise.unless((1...limit).contains(text.utf8.count), "\(name) has 1 to \(limit) bytes, not \(text.utf8.count)")
        try BrokenPromise.unless(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "\(name) has no control characters")
    }

    /// A repetition has the same keys, also in another form of the same JSON.
    private static func checkRepetition(
        of body: [UInt8], _ reading: WebhookReading, _ scheme: WebhookScheme.Proof, by reader: WebhookReader
    ) throws(BrokenPromise) {
        guard let value = try? JSONValue(bytes: body) else { return }
        let again = read(Array(value.text.utf8), .right, scheme, by: reader)
        try BrokenPromise.unless(again == .success(reading), "a repetition is recognised: \(reading)")
    }
}
