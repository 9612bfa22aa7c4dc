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
        let isCommitted = result.hasWritten
        if let survey = exchange.survey {
            try follow(isCommitted, "survey", &result, session) { result in
                // The survey only reads, and takes long: it does not run under the write lock.
                result.survey = try session.transaction(.reading) {
                    try Store.advance(survey, parties.planContext(now: exchange.now), session)
                }
            }
        }
        if let retention = exchange.retention {
            try follow(isCommitted, "retention", &result, session) { result in
                try sweep(retention, now: exchange.now, into: &result, session)
            }
        }
        if result.hasWritten { try connection.verify() }
        return result
    }

    /// Carries out what follows the transaction. If that was committed, its result is returned whatever becomes of this, which is due again: an
    /// exchange that fails is repeated as a whole.
    private func follow(
        _ isCommitted: Bool, _ subject: String, _ result: inout ExchangeResult, _ session: any Session,
        _ work: (inout ExchangeResult) throws -> Void
    ) throws {
        do {
            try work(&result)
        } catch {
            guard isCommitted else { throw error }
            let problem = session.storeError(error)
            // A full or locked database is told by the next exchange that writes.
            if !problem.isTransient { result.add(problem, of: subject) }
        }
    }

    private func transact(_ exchange: Exchange, _ parties: Parties, _ session: any Session) throws -> ExchangeResult {
        if exchange.mayOnlyRead {
            let result = try session.transaction(.reading) { () -> ExchangeResult? in
                var work = ExchangeWork(exchange, parties, timestampRuns, session)
                return try work.readOnly() ? work.result : nil
            }
            if let result { return result }
        }
        let rolledBack = RolledBackParts()
        while true {
            do {
                return try session.transaction(.writing) {
                    var work = ExchangeWork(exchange, parties, timestampRuns, rolledBack: rolledBack, session)
                    try work.write()
                    return work.result
                }
            } catch {
                guard rolledBack.takeNews() else { throw error }
            }
        }
    }
}

extension ExchangeResult {
    /// - Parameter subject: the part that was left out.
    mutating func add(_ problem: StoreError, of subject: String) {
        problems.append("\(subject): \(String(problem.description.prefix(Store.problemLimit)).onOneLine)")
    }
}
