import SyncCore

/// The tables that say what an operator wants kept back, kept and shown.
extension ConfigurationReader {
    func brake(_ table: TableReader) -> Brake.Settings {
        var table = table
        var settings = Brake.Settings()
        if let isEnabled = table.bool("enabled") { settings.isEnabled = isEnabled }
        if let percent = table.integer("touch_percent", in: 0...100) { settings.touchPercent = percent }
        if let minimum = table.integer("touch_min", in: 0...1_000_000_000) { settings.touchMinimum = minimum }
        if let percent = table.integer("finish_percent", in: 0...100) { settings.finishPercent = percent }
        if let minimum = table.integer("finish_min", in: 0...1_000_000_000) { settings.finishMinimum = minimum }
        table.finish()
        return settings
    }
}
