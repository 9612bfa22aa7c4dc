import SyncSystem

/// A folder that exists and that this user may not search, so that nothing is known of what is below it.
struct ClosedFolder {
    var path: String
    var status: FileStatus

    /// Nil if there is no such folder above the path.
    init?(above path: String) {
        guard let (folder, status) = ClosedFolder.find(above: path) else { return nil }
        self.path = folder
        self.status = status
    }

    private static func find(above path: String) -> (folder: String, status: FileStatus)? {
        var folder = FilePath.folder(of: path)
        while !folder.isEmpty {
            if let status = FileStatus.ifPresent(folder) {
                return status.kind == .directory && refuses(folder) ? (folder, status) : nil
            }
            guard folder != "/" else { return nil }
            folder = FilePath.folder(of: folder)
        }
        return nil
    }

    /// Every name in a folder needs the right to search it, also `.`, that of the folder itself.
    private static func refuses(_ folder: String) -> Bool { FileStatus.ifPresent("\(folder)/.") == nil }
}
