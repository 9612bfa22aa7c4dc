import SyncCore
import SyncStore

/// What may have been written and adopted until it came to rest.
extension Simulation {
    /// No remote was written to more often than something changed, and only chosen values were adopted.
    func expectBounds() async throws {
        let mine = try await application.counts(
            "SELECT conversation_id, count(*) FROM test_changes WHERE writer = 'application' GROUP BY 1")
        let others = try await application.counts("SELECT conversation_id, count(*) FROM test_changes WHERE writer = 'daemon' GROUP BY 1")
        let adoptions = try await application.counts("SELECT conversation_id || '@' || remote, count(*) FROM adopted_changes GROUP BY 1")
        for id in plan.conversations {
            var adopted = 0
            for remote in plan.remotes {
                let object = RemoteSystems.Object(remote: remote.name, conversation: id)
                let count = adoptions["\(id)@\(remote.name)"] ?? 0
                adopted += count
                let most = remote.kind.receivesMessages ? remotes.finEvents[id] ?? 0 : remotes.choices[object]?.changes ?? 0
                // Reads that show an older state that was never shown before look like a change, and like another one back.
                let isShownInOrder = plan.options.laggingReads == 0 && !remotes.misstated.contains(object)
                if isShownInOrder, count > most {
                    fail("\(id): \(count) adoptions from \(remote.name), where \(most) things changed\(told(object))")
                }
                if isShownInOrder, !remote.kind.receivesMessages {
                    try await expectChosen(object)
                    try await expectChosenTexts(object)
                    try await expectReopenings(object, remote.profile.adoption.reopening)
                }
                guard remote.kind.carriesState else { continue }
                // A refused change that nobody made is written back, too.
                let refused = isShownInOrder ? 0 : remotes.refusals[object] ?? 0
                let bound = 1 + (mine[id] ?? 0) + (others[id] ?? 0) + most + (remotes.failedWrites[object] ?? 0) + refused
                let writes = remotes.writes[object] ?? 0
                if writes > bound { fail("\(id) was written to \(remote.name) \(writes) times, bound \(bound)\(told(object))") }
            }
            let changes = others[id] ?? 0
            if adopted > changes || adopted < changes && !plan.forgets {
                fail("\(id): \(adopted) adoptions, and \(changes) changes by the service")
            }
        }
    }

    /// Adopted values are those that people chose there, at most as often as they chose them, and never those that were sent there.
    private func expectChosen(_ object: RemoteSystems.Object) async throws {
        let adopted = try await application.counts(
            """
            SELECT coalesce(word, ''), count(*) FROM adopted_changes WHERE conversation_id = \(object.conversation) AND remote = \(object.remote)
                AND (changes ->> '$.status' IS NOT NULL OR changes ->> '$.assignee_id' IS NOT NULL) GROUP BY 1
            """)
        let choices = remotes.choices[object] ?? .init()
        for (value, count) in adopted {
            // Somebody who was given a conversation is seen beside the status value of that time.
            let chosen = choices.users + (choices.values[value] ?? 0)
            if count > chosen {
                fail("\(object): \(value) was adopted \(count) times, people chose it \(chosen) times\(told(object))")
            }
        }
    }

    /// The same for titles and tags.
    private func expectChosenTexts(_ object: RemoteSystems.Object) async throws {
        let choices = remotes.choices[object] ?? .init()
        // SQLite ends a text from JSON at a NUL character.
        let adopted = try await application.lines(
            """
            SELECT changes FROM adopted_changes WHERE conversation_id = \(object.conversation) AND remote = \(object.remote)
                AND changes -> '$.title' IS NOT NULL
            """, columns: 1)
        let titles = try adopted.map { ExactText(try JSONValue(text: $0)["title"]?["to"]?.stringValue ?? "") }
            .reduce(into: [:]) { $0[$1, default: 0] += 1 }
        for (title, count) in titles where count > choices.titles[title] ?? 0 {
            fail(
                "\(object): title '\(title)' was adopted \(count) times, people chose it \(choices.titles[title] ?? 0) times\(told(object))"
            )
        }
        let tags = try await application.lines(
            """
            SELECT changes ->> '$.tags.from', changes ->> '$.tags.to' FROM adopted_changes WHERE conversation_id = \(object.conversation)
                AND remote = \(object.remote) AND changes -> '$.tags' IS NOT NULL
            """, columns: 2)
        for line in tags {
            let lists = try line.split(separator: "|").map { text in
                (text == "-" ? [] : try JSONValue(text: String(text)).arrayValue?.compactMap(\.stringValue) ?? []).exactSet
            }
            let (added, removed) = (lists[1].subtracting(lists[0]), lists[0].subtracting(lists[1]))
            if !added.isSubset(of: choices.addedTags) || !removed.isSubset(of: choices.removedTags) {
                fail("\(object): tags were adopted as \(line), people chose \(choices)\(told(object))")
            }
        }
    }

    /// A remote opens what is finished here as far as it may: where the customer has to have written, that happened.
    private func expectReopenings(_ object: RemoteSystems.Object, _ policy: AdoptionPolicy.Reopening) async throws {
        guard policy != .always else { return }
        let hasEvidence = customersWrote.contains(object.conversation)
        let opened = try await application.number(
            """
            SELECT count(*) FROM adopted_changes WHERE conversation_id = \(object.conversation) AND remote = \(object.remote)
                AND changes ->> '$.status.from' <> 'open' AND changes ->> '$.status.to' = 'open'
            """)
        if opened > 0, policy == .never || !hasEvidence {
            fail("\(object) was opened \(opened) times (\(policy)), a customer \(hasEvidence ? "has" : "has not") written")
        }
    }

    /// Everything that can be read has been read since then, by itself and not only in a list: another poll of everything does nothing.
    func expectRead(since begin: Duration) async throws {
        let linked = Set(try await application.lines("SELECT conversation_id, remote FROM links", columns: 2))
        let existing = Set(try await application.lines("SELECT id FROM conversations", columns: 1))
        for remote in plan.remotes where remote.poll != nil {
            for id in plan.conversations where existing.contains(id) {
                let object = RemoteSystems.Object(remote: remote.name, conversation: id)
                guard !remote.kind.needsLink || linked.contains("\(id)|\(remote.name)"), remotes.state(object) != nil else { continue }
                guard let readAt = remotes.readAt[object], readAt >= VirtualClock.start + begin else {
                    fail("\(object) was not read although nothing has happened since \(begin.milliseconds)")
                    continue
                }
            }
        }
    }
}
