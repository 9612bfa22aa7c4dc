import SyncCore

/// Reports of remotes: events received and objects read.
extension ExchangeWork {
    mutating func store(_ events: ReceivedEvents) throws {
        try attempt("events of \(events.remote)", as: "call \(events.ticket)") { work in
            work.result.events[events.ticket] = try Store.receive(events.notices, from: events.remote, now: work.now, work.session)
        }
    }

    // MARK: Reads

    /// Records what a reader has read. All reports are first attempted together; if that fails because of their rows, then report by report, leaving
    /// out those that fail.
    mutating func takeIn(_ part: ReadRequestsPart) throws {
        result.reads[part.remote] = ReadResult()
        guard !part.onlyAsks else { return }
        let problem = try attempt(as: "all of reader \(part.remote)") { work in
            for report in part.reports { try work.takeIn(report) }
            try work.end(part)
        }
        guard problem != nil else { return }
        for (number, report) in part.reports.enumerated() {
            let subject = "report of \(part.remote)"
            try attempt(subject, as: "\(subject) \(number)") { try $0.takeIn(report) }
        }
        try attempt("reads of \(part.remote)") { try $0.end(part) }
    }

    private mutating func takeIn(_ report: Report) throws {
        result.reads[report.remote, default: ReadResult()].reconciled += try Store.reconcile(report, inbound, session)
    }

    private func end(_ part: ReadRequestsPart) throws {
        try Store.endReadRequests(part.completed, of: part.remote, now: now, session)
        try Store.postponeRequests(part.failed, of: part.remote, now: now, session)
        switch part.health {
        case .read:
            try Store.noteRead(part.remote, now: now, session)
            try Store.storeRotation(part.rotation, of: part.remote, session)
        case .failed(let error):
            try Store.noteReadFailure(part.remote, error: error, now: now, session)
            // A cycle that reached the rotation does not start with the same objects again.
            if let rotation = part.rotation { try Store.storeRotation(rotation, of: part.remote, session) }
        case nil:
            break
        }
    }

    /// Loads what the reader requested.
    mutating func respond(to part: ReadRequestsPart) throws {
        var read = result.reads[part.remote] ?? ReadResult()
        if let remote = remote(part.remote) {
            read.requests = part.requests > 0 ? try Store.readRequests(of: remote, limit: part.requests, now: now, session) : []
            read.hasRequests = try !read.requests.isEmpty || !Store.readRequests(of: remote, limit: 1, now: now, session).isEmpty
            read.nextRequestAt = try Store.nextRequest(of: part.remote, after: now, session)
        }
        switch part.question {
        case .cycle(let rotation, let includesRecent):
            guard let remote = remote(part.remote) else { break }
            read.agents = try Store.agents(of: remote, session)
            (read.rotation, read.rotationCursor) = try Store.nextInRotation(remote, limit: rotation, session)
            // Without a list, the objects acknowledged most recently are the most likely to have changed.
            if includesRecent { read.rotation += try Store.recentlyAcknowledged(part.remote, limit: rotation, session) }
        case .known(let ids):
            read.known = try Store.records(of: ids, at: part.remote, session)
        case nil:
            break
        }
        result.reads[part.remote] = read
    }

    // MARK: The inbox

    /// Processes a batch. An event that cannot be processed is set to waiting, like an event whose conversation is missing.
    mutating func processInbox() throws {
        let problem = try attempt(as: "inbox") { work in
            let (processed, hasMore) = try Store.processInbox(work.inbound, work.session)
            work.result.inbox.add(processed)
            work.result.hasMoreInbox = hasMore
        }
        if problem != nil { try processEvents() }
        try attempt("events that wait") { work in
            let dropped = try Store.dropWaiting(WaitingLimits(), now: work.now, work.session)
            work.result.inbox.add(InboxResult(dropped: dropped))
            if !dropped.isEmpty { work.result.hasMoreInbox = true }
        }
    }

    private mutating func processEvents() throws {
        let events = try Store.pendingEvents(session)
        for event in events {
            let problem = try attempt(as: "event \(event.id)") { work in
                try Store.process(event, work.inbound, work.session, into: &work.result.inbox)
            }
            guard let problem else { continue }
            result.add(problem, of: "event \(event.id) of \(event.remote)")
            try Store.letWait(event, session)
        }
        result.hasMoreInbox = events.count >= Store.reconcileBatchSize
        try attempt("ends that were released") { work in
            work.result.inbox.reconciled += try Store.takeReleasedEnds(work.inbound, work.session)
        }
        for remote in inbound.remotes where try Store.isDecidedAgain(remote, session) { try decideAgain(remote) }
    }

    /// Decides about a page of links, leaving out those that cannot be decided: they would keep all others from it.
    private mutating func decideAgain(_ remote: RemoteParticipation) throws {
        let page = try Store.takePage(of: remote, session)
        if page.hasMore { result.hasMoreInbox = true }
        for id in page.conversations {
            try attempt("decision about \(id) at \(remote.name)") { work in
                guard let decided = try Store.decide(id, at: remote, work.inbound, work.session), decided.isNew else { return }
                work.result.inbox.reconciled.append(decided)
            }
        }
    }
}
