extension String {
    /// The lines of the text without their ends, empty ones included. A line ends with a line feed, or with a carriage return and a
    /// line feed, which Swift counts as one character.
    var textLines: [Substring] { split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" } }
}
