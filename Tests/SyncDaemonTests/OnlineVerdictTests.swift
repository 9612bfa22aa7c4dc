import SyncCore
import SyncHTTP
import SyncRemotes
import Testing

@testable import SyncDaemon

/// Every reason for a missing response has a hint.
@Suite struct OnlineVerdictTests {
    private func finding(_ failure: TransportFailure) -> Inspection.Finding {
        let remote = Remote(
            profile: Profile(name: "desk", kind: .helpdesk), url: "https://desk.example.com", credential: .environment(variable: "T"),
            isEnabled: true, gate: .init(), limits: .init(), classifier: OutcomeClassifier())
        let call = OutboundCall(operation: "get_conversation", method: "POST", path: "/get_conversation", body: .null)
        return OnlineVerdict(remote: remote, call: call, outcome: remote.classifier.classify(failure), reading: nil).finding
    }

    @Test(arguments: [
        (TransportFailure.SecurityProblem.selfSigned, "update-ca-certificates"), (.unknownAuthority, "update-ca-certificates"),
        (.expired, "have the certificate of desk.example.com renewed"), (.notYetValid, "the clock of this machine"),
        (.otherName, "write a host name into remotes.desk.url"), (.notSpoken, "correct scheme and port of remotes.desk.url"),
        (.wantsCertificate, "client certificates are not supported"), (.refused, "openssl s_client -connect desk.example.com"),
        (.other, "openssl s_client -connect desk.example.com"),
    ])
    func `a TLS failure is a problem with a hint`(problem: TransportFailure.SecurityProblem, hint: String) {
        let finding = finding(TransportFailure(.tls, detail: "the certificate", security: problem))
        #expect(finding.severity == .problem)
        #expect(finding.text == "remotes.desk, asked with POST /get_conversation, cannot be reached: tls: the certificate")
        #expect(finding.hint?.contains(hint) == true, "\(finding.hint ?? "")")
    }

    @Test(arguments: [
        (TransportFailure.Kind.nameResolution, "getent hosts desk.example.com"),
        (.connectionRefused, "look at a firewall and at the remote"),
        (.connectTimeout, "no connection within 5s (remotes.desk.timeouts.connect)"), (.timeout, "raise remotes.desk.timeouts"),
        (.connectionClosed, "correct scheme and port"), (.invalidResponse, "does not speak HTTP"),
        (.responseTooLarge, "raise remotes.desk.max_response_size"), (.invalidRequest, "correct the keys of remotes.desk"),
    ])
    func `any other failure without a response is a problem with a hint`(kind: TransportFailure.Kind, hint: String) {
        let finding = finding(TransportFailure(kind, detail: "x"))
        #expect(finding.severity == .problem)
        #expect(finding.area == .remote)
        #expect(finding.hint?.contains(hint) == true, "\(finding.hint ?? "")")
    }
}
