import SyncCore

/// Reads JSON columns that the application writes.
///
/// The CHECKs of the tables refuse most unreadable values, but a connection can switch them off (`PRAGMA ignore_check_constraints`), and SQLite
/// accepts deeper nesting than this program. So each function returns the value, nil for NULL, and a problem: a phrase that follows the column's name
/// and does not show its content.
enum JSONColumn {
    static func tags(_ text: String?) -> (value: [String]?, problem: String?) {
        guard let text else { return (nil, nil) }
        if text == "[]" { return ([], nil) }
        switch parsed(text) {
        case .success(.array(let array)):
            let tags = array.compactMap(\.stringValue)
            return tags.count == array.count ? (tags, nil) : (nil, "holds something that is not a string")
        case .success: return (nil, "is not a JSON array")
        case .failure(let error): return (nil, problem(error))
        }
    }

    static func object(_ text: String?) -> (value: JSONObject?, problem: String?) {
        guard let text else { return (nil, nil) }
        if text == "{}" { return ([:], nil) }
        switch parsed(text) {
        case .success(.object(let object)): return (object, nil)
        case .success: return (nil, "is not a JSON object")
        case .failure(let error): return (nil, problem(error))
        }
    }

    /// Empty for NULL; nil if it cannot be read.
    static func array(_ text: String?) -> [JSONValue]? {
        guard let text, text != "[]" else { return [] }
        return (try? JSONValue(text: text))?.arrayValue
    }

    private static func parsed(_ text: String) -> Result<JSONValue, JSONTextError> {
        Result { () throws(JSONTextError) in try JSONValue(text: text) }
    }

    private static func problem(_ error: JSONTextError) -> String {
        switch error {
        case .invalid(let offset): "is not JSON (at byte \(offset))"
        case .tooDeep: "is nested deeper than \(JSONValue.maximumDepth) levels"
        }
    }
}

extension JSONValue {
    /// A JSON column that this program writes; empty if it is NULL or unreadable.
    static func object(column text: String?) -> JSONObject {
        guard let text, text != "{}" else { return [:] }
        return (try? JSONValue(stored: text))?.objectValue ?? [:]
    }

    /// NULL for an empty object.
    static func column(_ object: JSONObject) -> String? {
        object.isEmpty ? nil : JSONValue.object(object).text
    }
}

extension Instant {
    static func column(_ text: String?) -> Instant? { text.flatMap(Instant.init(iso8601:)) }
}
