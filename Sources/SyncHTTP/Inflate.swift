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
    /// The most members of a body. Members without content take 20 bytes each, and no limit of the output ends them.
    private static let mostMembers = 1000

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
        var buffer = [UInt8](repeating: 0, count: Inflate.pieceSize)
        switch format {
        case .gzip:
            var (position, members) = (0, 0)
            repeat {
                guard members < Inflate.mostMembers else { throw .invalid }
                position = try decode(from: position, Wrapping.gzip, &buffer)
                members += 1
                // Anything after it that is not another member is padding.
            } while input[position...].starts(with: [0x1F, 0x8B])
        case .deflate:
            let end = try decode(from: 0, hasZlibHeader ? Wrapping.zlib : Wrapping.none, &buffer)
            guard end == input.count else { throw .invalid }
        }
    }

    /// RFC 1950, section 2.2: compression method 8, and a multiple of 31.
    private var hasZlibHeader: Bool {
        guard input.count >= 2 else { return false }
        return input[0] & 0x0F == 8 && (Int(input[0]) << 8 | Int(input[1])) % 31 == 0
    }

    /// Decodes the stream that begins at the position.
    /// - Parameter buffer: for the output of a step.
    /// - Returns: the position of the first byte after the stream.
    private mutating func decode(from position: Int, _ wrapping: Int32, _ buffer: inout [UInt8]) throws(Failure) -> Int {
        // The address must stay the same: zlib's own state points back to it.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        guard inflateInit2_(stream, wrapping, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw .invalid }
        defer { inflateEnd(stream) }
        let input = input
        let failure: Failure? = input.withUnsafeBufferPointer { bytes in
            // zlib takes a mutable pointer, but does not write through it.
            stream.pointee.next_in = bytes.baseAddress.map { UnsafeMutablePointer<UInt8>(mutating: $0 + position) }
            stream.pointee.avail_in = UInt32(clamping: bytes.count - position)
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
        return input.count - Int(stream.pointee.avail_in)
    }
}
