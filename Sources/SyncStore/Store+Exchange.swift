import SyncCore

extension Store {
    /// Carries out an exchange: one transaction, or a read transaction where there is nothing to write. The engine writes by nothing else.
    ///
    /// After a crash all of it has happened or nothing. What comes after the commit is a page of retention, in transactions of its own.
    /// - Throws: what concerns the database as a whole; a part that fails because of its rows is left out (``ExchangeResult/problems``).
    package func exchange(_ exchange: Exchange, for parties: Parties) async throws(StoreError) -> ExchangeResult {
        try await connection.perform { session in try self.exchange(exchange, for: parties, session) }
    }

    /// The same on the session's thread, outside of any transaction.
    package func exchange(_ exchange: Exchange, for parties: Parties, _ session: any Session) throws -> ExchangeResult {
        try connection.verify()
        var result = try transact(exchange, parties, session)
        if let survey = exchange.survey {
            // It only reads, and for long: not under the write lock.
            result.survey = try session.transaction(.reading) {
                try Store.advance(survey, parties.planContext(now: exchange.now), session)
            }
        }
        if let retention = exchange.retention { try sweep(retention, now: exchange.now, into: &result, session) }
        if result.hasWritten { try connection.verify() }
        return result
    }

    private func transact(_ exchange: Exchange, _ parties: Parties, _ session: any Session) throws -> ExchangeResult {
        if exchange.mayOnlyRead {
            var work = ExchangeWork(exchange, parties, timestampRuns, session)
            if try session.transaction(.reading, { try work.readOnly() }) { return work.result }
        }
        var work = ExchangeWork(exchange, parties, timestampRuns, session)
        try session.transaction(.writing) { try work.write() }
        return work.result
    }
}
