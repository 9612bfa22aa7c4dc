import SyncCore

/// The `i_` cases, about which RFC 8259 leaves the decision to the reader.
extension JSONSuite {
    static let undefined = numbers + halfPairs + invalidUTF8 + byteOrderMark + otherEncodings + deepNesting

    /// Read: a number keeps its text, so none is out of range or loses digits.
    private static let numbers: [JSONSuiteCase] = [
        .init("i_number_double_huge_neg_exp", "[123.456e-789]", is: "[123.456e-789]"),
        .init("i_number_huge_exp", hugeExponent, is: hugeExponent),
        .init("i_number_neg_int_huge_exp", "[-1e+9999]", is: "[-1e+9999]"),
        .init("i_number_pos_double_huge_exp", "[1.5e+9999]", is: "[1.5e+9999]"),
        .init("i_number_real_neg_overflow", "[-123123e100000]", is: "[-123123e100000]"),
        .init("i_number_real_pos_overflow", "[123123e100000]", is: "[123123e100000]"),
        .init("i_number_real_underflow", "[123e-10000000]", is: "[123e-10000000]"),
        .init("i_number_too_big_neg_int", "[-123123123123123123123123123123]", is: "[-123123123123123123123123123123]"),
        .init("i_number_too_big_pos_int", "[100000000000000000000]", is: "[100000000000000000000]"),
        .init(
            "i_number_very_big_negative_int", "[-237462374673276894279832749832423479823246327846]",
            is: "[-237462374673276894279832749832423479823246327846]"),
    ]

    private static let hugeExponent = JSONBytes("[0.4e0066\(String(repeating: "9", count: 116))69999999006]")

    /// Read: half of a surrogate pair becomes U+FFFD. JavaScript writes one when it cuts a text within an emoji.
    private static let halfPairs: [JSONSuiteCase] = [
        .init("i_object_key_lone_2nd_surrogate", #"{"\uDFAA":0}"#, is: #"{"\#u{FFFD}":0}"#),
        .init("i_string_1st_surrogate_but_2nd_missing", #"["\uDADA"]"#, is: #"["\#u{FFFD}"]"#),
        .init("i_string_1st_valid_surrogate_2nd_invalid", #"["\uD888\u1234"]"#, is: #"["\#u{FFFD}\#u{1234}"]"#),
        .init("i_string_incomplete_surrogate_and_escape_valid", #"["\uD800\n"]"#, is: #"["\#u{FFFD}\n"]"#),
        .init("i_string_incomplete_surrogate_pair", #"["\uDd1ea"]"#, is: #"["\#u{FFFD}a"]"#),
        .init("i_string_incomplete_surrogates_escape_valid", #"["\uD800\uD800\n"]"#, is: #"["\#u{FFFD}\#u{FFFD}\n"]"#),
        .init("i_string_invalid_lonely_surrogate", #"["\ud800"]"#, is: #"["\#u{FFFD}"]"#),
        .init("i_string_invalid_surrogate", #"["\ud800abc"]"#, is: #"["\#u{FFFD}abc"]"#),
        .init("i_string_inverted_surrogates_U+1D11E", #"["\uDd1e\uD834"]"#, is: #"["\#u{FFFD}\#u{FFFD}"]"#),
        .init("i_string_lone_second_surrogate", #"["\uDFAA"]"#, is: #"["\#u{FFFD}"]"#),
    ]

    /// Read: bytes in a string that are not UTF-8 become U+FFFD.
    private static let invalidUTF8: [JSONSuiteCase] = [
        .init(
            "i_string_UTF-8_invalid_sequence", [0x5B, 0x22, 0xE6, 0x97, 0xA5, 0xD1, 0x88, 0xFA, 0x22, 0x5D],
            is: #"["\#u{65E5}\#u{448}\#u{FFFD}"]"#),
        .init("i_string_UTF8_surrogate_U+D800", [0x5B, 0x22, 0xED, 0xA0, 0x80, 0x22, 0x5D], is: #"["\#u{FFFD}\#u{FFFD}\#u{FFFD}"]"#),
        .init("i_string_invalid_utf-8", [0x5B, 0x22, 0xFF, 0x22, 0x5D], is: #"["\#u{FFFD}"]"#),
        .init("i_string_iso_latin_1", [0x5B, 0x22, 0xE9, 0x22, 0x5D], is: #"["\#u{FFFD}"]"#),
        .init("i_string_lone_utf8_continuation_byte", [0x5B, 0x22, 0x81, 0x22, 0x5D], is: #"["\#u{FFFD}"]"#),
        .init(
            "i_string_not_in_unicode_range", [0x5B, 0x22, 0xF4, 0xBF, 0xBF, 0xBF, 0x22, 0x5D],
            is: #"["\#u{FFFD}\#u{FFFD}\#u{FFFD}\#u{FFFD}"]"#),
        .init("i_string_overlong_sequence_2_bytes", [0x5B, 0x22, 0xC0, 0xAF, 0x22, 0x5D], is: #"["\#u{FFFD}\#u{FFFD}"]"#),
        .init(
            "i_string_overlong_sequence_6_bytes", [0x5B, 0x22, 0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF, 0x22, 0x5D],
            is: #"["\#u{FFFD}\#u{FFFD}\#u{FFFD}\#u{FFFD}\#u{FFFD}\#u{FFFD}"]"#),
        .init(
            "i_string_overlong_sequence_6_bytes_null", [0x5B, 0x22, 0xFC, 0x80, 0x80, 0x80, 0x80, 0x80, 0x22, 0x5D],
            is: #"["\#u{FFFD}\#u{FFFD}\#u{FFFD}\#u{FFFD}\#u{FFFD}\#u{FFFD}"]"#),
        .init("i_string_truncated-utf-8", [0x5B, 0x22, 0xE0, 0xFF, 0x22, 0x5D], is: #"["\#u{FFFD}\#u{FFFD}"]"#),
    ]

    /// Read: RFC 8259 section 8.1 lets a reader ignore the mark, and some systems write one.
    private static let byteOrderMark: [JSONSuiteCase] = [
        .init("i_structure_UTF-8_BOM_empty_object", "\u{FEFF}{}", is: "{}")
    ]

    /// Refused: RFC 8259 section 8.1 requires UTF-8 between systems, and nothing that is read here uses another encoding.
    private static let otherEncodings: [JSONSuiteCase] = [
        .init(
            "i_string_UTF-16LE_with_BOM", [0xFF, 0xFE, 0x5B, 0x00, 0x22, 0x00, 0xE9, 0x00, 0x22, 0x00, 0x5D, 0x00], error: .invalid(at: 0)),
        .init("i_string_utf16BE_no_BOM", [0x00, 0x5B, 0x00, 0x22, 0x00, 0xE9, 0x00, 0x22, 0x00, 0x5D], error: .invalid(at: 0)),
        .init("i_string_utf16LE_no_BOM", [0x5B, 0x00, 0x22, 0x00, 0xE9, 0x00, 0x22, 0x00, 0x5D, 0x00], error: .invalid(at: 1)),
    ]

    /// Refused: RFC 8259 section 9 allows a limit on the depth. It bounds the stack.
    private static let deepNesting: [JSONSuiteCase] = [
        .init("i_structure_500_nested_arrays", .nested(500), error: .tooDeep(at: JSONValue.maximumDepth))
    ]
}
