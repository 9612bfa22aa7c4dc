import NIOCore
import SyncCore

/// A call as the bytes to send, in one piece (RFC 9112, section 3).
struct RequestMessage: Sendable {
    let origin: Origin
    let bytes: ByteBuffer
    /// The response to HEAD has no body, whatever its header says.
    let isHead: Bool

    init(_ call: HTTPCall) throws(TransportFailure) {
        let target = try CallTarget(call.url)
        guard RequestMessage.isToken(call.method) else {
            throw TransportFailure(.invalidRequest, detail: "the method of the call is not a token")
        }
        origin = target.origin
        isHead = call.method == "HEAD"
        var text = "\(call.method) \(target.path) HTTP/1.1\r\nhost: \(target.origin.hostField)\r\n"
        var names: Set<String> = []
        for header in call.headers {
            // A line break in a value would start another header.
            guard RequestMessage.isToken(header.name), header.value.utf8.allSatisfy(RequestMessage.isValueByte) else {
                throw TransportFailure(
                    .invalidRequest, detail: "a header of the call cannot be written: a name or value with control characters")
            }
            names.insert(header.name.lowercased())
            text += "\(header.name): \(header.value)\r\n"
        }
        // For bodies of this size, compression is not worth its possible failures.
        if !names.contains("accept-encoding") { text += "accept-encoding: identity\r\n" }
        // RFC 9110, section 8.6: sent for methods that define a body, even if it is empty.
        if !call.body.isEmpty || !["GET", "HEAD", "DELETE"].contains(call.method) {
            text += "content-length: \(call.body.utf8.count)\r\n"
        }
        text += "\r\n"
        var bytes = ByteBuffer()
        bytes.reserveCapacity(text.utf8.count + call.body.utf8.count)
        bytes.writeString(text)
        bytes.writeString(call.body)
        self.bytes = bytes
    }

    /// RFC 9110, section 5.6.2.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(isTokenByte)
    }

    /// RFC 9110, section 5.5: no control characters but the tab.
    private static func isValueByte(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7F) || byte == 0x09 }

    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"): true
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"): true
        case UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"): true
        default: false
        }
    }
}
