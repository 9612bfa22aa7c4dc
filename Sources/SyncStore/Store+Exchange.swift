import SyncCore

extension Store {
    /// Carries out an exchange in one transaction, or in a read transaction if there is nothing to write. The engine writes in no other way.
    ///
    /// After a crash, all of it or nothing is in the database. The page of retention after the commit runs in transactions of its own.
    /// - Throws: errors that concern the database as a whole; a part that fails because of its rows is left out (``ExchangeResult/problems``).
    package func exchange(_ exchange: Exchange, for parties: Parties) async throws(StoreError) -> ExchangeResult {
        try await connection.perform { session in try self.exchange(exchange, for: parties, session) }
    }

    /// The same on the session's thread, outside of any transaction.
    package func exchange(_ exchange: Exchange, for parties: Parties, _ session: any Session) throws -> ExchangeResult {
        exchange.checkRequest()
        try connection.verify()
        var result = try transact(exchange, parties, session)
        for lane in exchange.lanes { result.lanes[lane.remote]?.check(for: lane.remote, lane) }
        if let survey = exchange.survey {
            // The survey only reads, and takes long: it does not run under the write lock.
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
            let result = try session.transaction(.reading) { () -> ExchangeResult? in
                var work = ExchangeWork(exchange, parties, timestampRuns, session)
                return try work.readOnly() ? work.result : nil
            }
            if let result { return result }
        }
        return try session.transaction(.writing) {
            var work = ExchangeWork(exchange, parties, timestampRuns, session)
            try work.write()
            return work.result
        }
    }
}
