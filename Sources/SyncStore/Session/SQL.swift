import SyncCore

/// One statement: a text with a `?` for each parameter, and the values of the parameters.
///
/// Written as an interpolated literal in which every value becomes a parameter: `"… WHERE id = \(id) AND lease = \(lease)"`. Text can enter a
/// statement only as a literal, or as part of another ``SQL``.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    package var text: String
    package var values: [SQLValue]

    package init(stringLiteral text: String) {
        self.text = text
        values = []
    }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        values = stringInterpolation.values
    }

    /// Parts that follow each other in one statement, such as conditions of a query.
    package static func joined(_ parts: [SQL], separator: String) -> SQL {
        var joined = SQL(stringLiteral: parts.map(\.text).joined(separator: separator))
        joined.values = parts.flatMap(\.values)
        return joined
    }
}

extension SQL {
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""
        fileprivate var values: [SQLValue] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount)
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text += literal }

        /// A parameter.
        package mutating func appendInterpolation(_ value: some SQLConvertible) {
            text += "?"
            values.append(value.sqlValue)
        }

        /// A parameter; NULL for nil.
        package mutating func appendInterpolation(_ value: (some SQLConvertible)?) {
            text += "?"
            values.append(value?.sqlValue ?? .null)
        }

        /// A list of parameters in parentheses, for `IN`. An empty list becomes a query without rows, so that `IN` is false and `NOT IN` is true.
        package mutating func appendInterpolation(in list: some Sequence<some SQLConvertible>) {
            let added = list.map(\.sqlValue)
            text += added.isEmpty ? "(SELECT NULL WHERE 0)" : "(\(added.map { _ in "?" }.joined(separator: ", ")))"
            values += added
        }

        /// Part of a statement.
        package mutating func appendInterpolation(_ part: SQL) {
            text += part.text
            values += part.values
        }
    }
}

/// The value of a parameter.
package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    /// Text by its bytes, which need not be UTF-8.
    case bytes([UInt8])
}

/// A type that can be a parameter.
package protocol SQLConvertible {
    var sqlValue: SQLValue { get }
}

extension String: SQLConvertible {
    package var sqlValue: SQLValue { .text(self) }
}

extension Int64: SQLConvertible {
    package var sqlValue: SQLValue { .integer(self) }
}

extension Int: SQLConvertible {
    package var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension Bool: SQLConvertible {
    package var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}

/// A point in time is stored as ISO 8601 with milliseconds.
extension Instant: SQLConvertible {
    package var sqlValue: SQLValue { .text(iso8601) }
}

/// States, reasons and other columns that hold names.
extension RawRepresentable where Self: SQLConvertible, RawValue == String {
    package var sqlValue: SQLValue { .text(rawValue) }
}
