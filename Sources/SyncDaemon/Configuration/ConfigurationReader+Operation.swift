import SyncCore

/// The tables for the brake, retention and metrics.
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

    func retention(_ table: TableReader) -> Retention.Settings {
        var table = table
        var settings = Retention.Settings()
        if let isEnabled = table.bool("enabled") { settings.isEnabled = isEnabled }
        if let age = table.span("max_age", atLeast: .hours(1)) { settings.maximumAge = age }
        if let rows = table.integer("max_rows", in: 0...1_000_000_000) { settings.maximumRows = rows }
        if let age = table.span("dead_age", atLeast: .days(1)) { settings.attentionAge = age }
        table.finish()
        return settings
    }

    func metrics(_ table: TableReader) -> Configuration.Metrics {
        var table = table
        var metrics = Configuration.Metrics()
        if let path = table.string("textfile") {
            // node_exporter only reads files with this extension.
            if path.hasSuffix(".prom"), path.count > ".prom".count {
                metrics.textfile = ConfigurationReader.resolve(path, in: directory)
            } else {
                problems.add("metrics.textfile", "\"\(path)\" does not end in .prom: node_exporter would not read it")
            }
        }
        table.finish()
        return metrics
    }
}
