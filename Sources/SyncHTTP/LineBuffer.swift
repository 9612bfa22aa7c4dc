import NIOCore

/// Bytes that arrived on a connection and are not read yet; they are read as lines or as plain bytes.
struct LineBuffer {
    private var buffer = ByteBuffer()
    /// The number of leading bytes that are known to contain no line end.
    private var scanned = 0

    var count: Int { buffer.readableBytes }

    var bytes: ByteBufferView { buffer.readableBytesView }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.discardReadBytes()
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// - Parameter count: at most the number of bytes available.
    mutating func skip(_ count: Int) {
        buffer.moveReaderIndex(forwardBy: count)
        scanned = 0
    }

    /// Reads the next line, without its end, if it has arrived and is not longer than the limit in bytes. A line may end without a carriage
    /// return (RFC 9112, section 2.2).
    mutating func line(atMost limit: Int) -> [UInt8]? {
        let view = buffer.readableBytesView
        guard let end = view[(view.startIndex + scanned)...].firstIndex(of: 10) else {
            scanned = view.count
            return nil
        }
        let length = end - view.startIndex
        guard length <= limit, var line = buffer.readBytes(length: length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 1)
        scanned = 0
        if line.last == 13 { line.removeLast() }
        return line
    }
}
