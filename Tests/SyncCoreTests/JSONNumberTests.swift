import SyncCore
import Testing

/// Numbers keep their text and are compared by value.
@Suite struct JSONNumberTests {
    static let fortyFive = "123456789012345678901234567890123456789012345"

    @Test(arguments: [
        "0", "-0", "1", "1.0", "-1.50", "1e200", "1E+2", "1e-400", "1e999999999999", "-1e-99999999999999999999999", "0.1", "0.10",
        fortyFive, "-\(fortyFive)", "\(fortyFive).\(fortyFive)", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "-9223372036854775809", "18446744073709551616",
    ])
    func `a number is written as it was read`(text: String) throws {
        #expect(try JSONValue(text: text).text == text)
        #expect(try JSONValue(text: "{\"a\":[\(text)]}").text == "{\"a\":[\(text)]}")
        #expect(try JSONValue(text: text) == JSONValue(text: text))
    }

    @Test(arguments: [
        ("1", "1.0"), ("100", "1e2"), ("1E+2", "1e2"), ("0", "-0"), ("0", "0.000e77"), ("0", "-0e-99999999999999999999"), ("0.1", "0.10"),
        ("1.5", "15e-1"), ("-2.50", "-25e-1"), ("1e200", "10e199"), ("1e200", "0.1e201"), ("1e-400", "0.001e-397"),
        ("9223372036854775807", "9223372036854775807.0"), ("-9223372036854775808", "-9223372036854775808.00"),
        (fortyFive, "\(fortyFive).0"), ("1e999999999999", "10e999999999998"), ("1e00000000000000000000000000002", "100"),
    ])
    func `equal values are equal and have the same hash, however they are written`(left: String, right: String) throws {
        let values = [try JSONValue(text: left), try JSONValue(text: right)]
        #expect(values[0] == values[1])
        #expect(values[0].hashValue == values[1].hashValue)
        #expect(Set(values).count == 1)
    }

    @Test(arguments: [
        ("1", "-1"), ("1e200", "1e201"), ("1e200", "-1e200"), ("1e-400", "0"), ("1e-400", "1e-401"), ("0.1", "0.11"),
        ("9223372036854775807", "9223372036854775808"), (fortyFive, "123456789012345678901234567890123456789012346"),
        ("1e99999999999999999999", "1e99999999999999999998"), ("1e99999999999999999999", "1e-99999999999999999999"), ("1.5", "1"),
    ])
    func `different values are not equal`(left: String, right: String) throws {
        #expect(try JSONValue(text: left) != JSONValue(text: right))
    }

    @Test(
        arguments: [
            ("3", 3), ("3.0", 3), ("30e-1", 3), ("1e3", 1000), ("-0", 0), ("0e999999999999999999999", 0),
            ("9223372036854775807.0", .max), ("-9223372036854775808.0", .min), ("922337203685477580.7e1", .max),
            ("3.5", nil), ("1e19", nil), ("1e-1", nil), ("9223372036854775808", nil), ("1e999999999999999999999999", nil),
        ] as [(String, Int64?)])
    func `a whole number that fits into an integer is read as one, however it is written`(text: String, value: Int64?) throws {
        #expect(try JSONValue(text: text).integerValue == value)
    }

    @Test(arguments: ["", " 1", "1 ", "01", "1.", ".5", "+1", "1e", "NaN", "\"1\"", "\u{FEFF}1"])
    func `text that is not a number is not read as one`(text: String) {
        #expect(JSONNumber(text) == nil)
    }
}
