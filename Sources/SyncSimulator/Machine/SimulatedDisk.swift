import SyncCore

/// The disk of the simulated machine: files in memory that several simulated processes have open, and that survive them.
///
/// Writes are kept in the cache of the operating system until they are synced: a killed process loses none of them, a power cut any of
/// those since the last sync, sector by sector. SQLite reaches it through one ``DiskMount`` for each process.
///
/// Not for use by several threads at once.
final class SimulatedDisk {
    /// The unit in which a power cut loses writes, in bytes.
    static let sectorSize = 512

    private(set) var files: [String: DiskFile] = [:]
    /// What SQLite takes for the time, in milliseconds since 1970.
    var wall = Instant(milliseconds: 0)
    /// How long SQLite has waited for locks, in all.
    private(set) var waited = Duration.zero
    /// The most bytes of all files together; a write beyond it fails.
    var capacity = Int.max

    func exists(_ name: String) -> Bool { files[name] != nil }

    /// The file of this name, which is created if there is none.
    func file(_ name: String) -> DiskFile {
        if let file = files[name] { return file }
        let file = DiskFile(name: name)
        files[name] = file
        return file
    }

    func remove(_ name: String) { files[name] = nil }

    func wait(_ span: Duration) { waited += span }

    /// The bytes of all files together.
    var used: Int { files.values.reduce(0) { $0 + $1.size } }

    /// Whether this many more bytes fit.
    func hasRoom(for count: Int) -> Bool {
        guard capacity < Int.max, count > 0 else { return true }
        return used + count <= capacity
    }

    /// The power fails: of what was not synced, each sector is lost or not. Nobody may have a file open any more.
    func losePower(_ random: inout SplitMix64) {
        for name in files.keys.sorted() {
            guard let file = files[name] else { continue }
            precondition(file.openCount == 0, "\(name) is still open")
            // A directory entry is durable with the first sync of its file.
            if !file.wasSynced, Bool.random(using: &random) { files[name] = nil } else { file.losePower(&random) }
        }
    }
}

/// One file of a ``SimulatedDisk``, with the locks on it.
final class DiskFile {
    let name: String
    private(set) var bytes: [UInt8] = []
    private(set) var wasSynced = false
    /// The content of sectors at the last sync, for those that were written since.
    private var synced: [Int: [UInt8]] = [:]
    private var syncedSize = 0
    /// How many handles refer to it.
    var openCount = 0
    var locks = FileLocks()
    /// Shared memory, in regions.
    private var regions: [UnsafeMutableRawBufferPointer] = []
    /// Regions of former times, in which a connection of a killed process may still look.
    private var formerRegions: [UnsafeMutableRawBufferPointer] = []

    init(name: String) {
        self.name = name
    }

    deinit {
        for region in regions + formerRegions { region.deallocate() }
    }

    var size: Int { bytes.count }

    /// - Returns: the number of bytes that there are.
    func read(_ target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let count = max(0, min(target.count, bytes.count - offset))
        if count > 0 {
            bytes.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count])) }
        }
        return count
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) {
        keep(offset..<offset + source.count)
        if bytes.count < offset + source.count { bytes.append(contentsOf: repeatElement(0, count: offset + source.count - bytes.count)) }
        bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[offset..<offset + source.count]).copyMemory(from: source)
        }
    }

    func truncate(to size: Int) {
        guard size < bytes.count else { return }
        keep(size..<bytes.count)
        bytes.removeLast(bytes.count - size)
    }

    func sync() {
        wasSynced = true
        synced.removeAll(keepingCapacity: true)
        syncedSize = bytes.count
    }

    /// Replaces the whole content, as it is after a sync.
    func replace(with content: [UInt8]) {
        bytes = content
        sync()
    }

    /// Keeps what was synced in these bytes.
    private func keep(_ range: Range<Int>) {
        let unit = SimulatedDisk.sectorSize
        for sector in range.lowerBound / unit...max(range.lowerBound, range.upperBound - 1) / unit where synced[sector] == nil {
            let end = min((sector + 1) * unit, syncedSize, bytes.count)
            // A copy: a slice would make the next write copy the whole file.
            if sector * unit < end { synced[sector] = Array(bytes[sector * unit..<end]) }
        }
    }

    func losePower(_ random: inout SplitMix64) {
        // A file that has grown keeps its new size, its old one, or one in between.
        if bytes.count > syncedSize { bytes.removeLast(Int.random(in: 0...bytes.count - syncedSize, using: &random)) }
        if bytes.count < syncedSize, Bool.random(using: &random) {
            bytes.append(contentsOf: repeatElement(0, count: syncedSize - bytes.count))
        }
        for (sector, content) in synced.sorted(by: { $0.key < $1.key }) {
            let start = sector * SimulatedDisk.sectorSize
            // What was cut off stays so, or is there again as it was.
            guard start + content.count <= bytes.count, Bool.random(using: &random) || start >= syncedSize else { continue }
            bytes.replaceSubrange(start..<start + content.count, with: content)
        }
        sync()
    }

    // MARK: Shared memory

    /// - Returns: nil if there is no such region and none is to be made.
    func region(_ index: Int, size: Int, extends: Bool) -> UnsafeMutableRawPointer? {
        guard index < regions.count || extends else { return nil }
        while regions.count <= index {
            let region = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
            region.initializeMemory(as: UInt8.self, repeating: 0)
            regions.append(region)
        }
        return regions[index].baseAddress
    }

    /// The last process that had the file open is gone: the next one starts with empty memory.
    func forgetSharedMemory() {
        formerRegions += regions
        regions = []
    }
}
