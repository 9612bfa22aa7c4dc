import CZlib

/// Decompresses the formats of RFC 1950, 1951 and 1952 with zlib, limiting the size of the output.
struct Inflate {
    enum Format {
        /// RFC 1952; several members in a row form one body.
        case gzip
        /// RFC 1950. Some servers omit its header and trailer (RFC 9110, section 8.4.1.2); then it is RFC 1951.
        case deflate
    }

    enum Failure: Error, Equatable {
        case truncated
        case invalid
        case tooLarge
    }

    /// zlib's `windowBits`: the largest window, and how the stream is wrapped (zlib.h, inflateInit2).
    private enum Wrapping {
        static let zlib: Int32 = 15
        static let none: Int32 = -15
        static let gzip: Int32 = 15 + 16
    }

    /// The largest output of one step, in bytes.
    private static let pieceSize = 64 * 1024

    private let input: [UInt8]
    /// In bytes.
    private let limit: Int
    /// At most `limit` bytes, even after a failure.
    private(set) var output: [UInt8] = []

    init(_ input: [UInt8], atMost limit: Int) {
        self.input = input
        self.limit = limit
    }

    mutating func decode(_ format: Format) throws(Failure) {
        switch format {
        case .gzip:
            var rest = input[...]
            repeat {
                rest = try decode(rest, Wrapping.gzip)
                // Anything after it that is not another member is padding.
            } while rest.starts(with: [0x1F, 0x8B])
        case .deflate:
            let rest = try decode(input[...], hasZlibHeader ? Wrapping.zlib : Wrapping.none)
            guard rest.isEmpty else { throw .invalid }
        }
    }

    /// RFC 1950, section 2.2: compression method 8, and a multiple of 31.
    private var hasZlibHeader: Bool {
        guard input.count >= 2 else { return false }
        return input[0] & 0x0F == 8 && (Int(input[0]) << 8 | Int(input[1])) % 31 == 0
    }

    /// - Returns: the bytes after the stream.
    private mutating func decode(_ piece: ArraySlice<UInt8>, _ wrapping: Int32) throws(Failure) -> ArraySlice<UInt8> {
        // The address must stay the same: zlib's own state points back to it.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        guard inflateInit2_(stream, wrapping, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw .invalid }
        defer { inflateEnd(stream) }
        // zlib takes a mutable pointer, but does not write through it.
        var bytes = Array(piece)
        var buffer = [UInt8](repeating: 0, count: Inflate.pieceSize)
        let failure: Failure? = bytes.withUnsafeMutableBufferPointer { bytes in
            stream.pointee.next_in = bytes.baseAddress
            stream.pointee.avail_in = UInt32(clamping: bytes.count)
            return buffer.withUnsafeMutableBufferPointer { buffer in
                while true {
                    stream.pointee.next_out = buffer.baseAddress
                    stream.pointee.avail_out = UInt32(buffer.count)
                    let status = inflate(stream, Z_NO_FLUSH)
                    let produced = buffer.count - Int(stream.pointee.avail_out)
                    let room = limit - output.count
                    output += buffer.prefix(min(produced, room))
                    if produced > room { return .tooLarge }
                    switch status {
                    case Z_STREAM_END: return nil
                    case Z_OK where produced > 0 || stream.pointee.avail_in > 0: continue
                    case Z_OK, Z_BUF_ERROR: return .truncated
                    default: return .invalid
                    }
                }
            }
        }
        if let failure { throw failure }
        return piece.suffix(Int(stream.pointee.avail_in))
    }
}
