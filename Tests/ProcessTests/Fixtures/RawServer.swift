import Synchronization

/// A TCP server on loopback that responds to each request with bytes chosen by the test: for responses that no HTTP server would send.
final class RawServer: Sendable {
    /// What is written, and what happens to the connection afterwards.
    struct Response: Sendable {
        enum Ending: Sendable {
            case close
            /// Nothing more is sent until the client goes away.
            case silence
        }

        var bytes: [UInt8]
        var ending: Ending

        init(_ text: String, then ending: Ending = .close) { self.init(Array(text.utf8), then: ending) }

        init(_ bytes: [UInt8], then ending: Ending = .close) {
            self.bytes = bytes
            self.ending = ending
        }

        /// A complete response with the right length.
        static func json(_ status: Int = 200, _ headers: [String] = [], _ body: String) -> Response {
            let head = [
                "HTTP/1.1 \(status) X", "Content-Type: application/json", "Content-Length: \(body.utf8.count)", "Connection: close",
            ]
            return Response((head + headers).joined(separator: "\r\n") + "\r\n\r\n" + body)
        }
    }

    private let server: TransportServer
    private let received = Requests()

    /// The complete requests, heads and bodies.
    var requests: [String] { received.all }
    var url: String { server.url }

    private final class Requests: Sendable {
        private let texts = Mutex<[String]>([])

        var all: [String] { texts.withLock { $0 } }

        /// - Returns: its number, from 0.
        func add(_ text: String) -> Int {
            texts.withLock { texts in
                texts.append(text)
                return texts.count - 1
            }
        }
    }

    /// - Parameter respond: called with the number of the request, from 0.
    init(_ respond: @escaping @Sendable (Int) -> Response) throws {
        server = try TransportServer { [received] connection in
            guard let request = connection.readRequest() else { return }
            let response = respond(received.add(request))
            connection.write(response.bytes)
            if response.ending == .silence { while connection.readSome() {} }
        }
    }
}
