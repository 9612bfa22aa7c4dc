import SyncCore
import SyncStore

/// Planning under the brake.
extension SyncEngine {
    /// Plans the next page of a stage, after a look at what waits where that is due.
    /// - Returns: nil when nothing waits.
    func planPage(_ stage: PlanStage, _ brake: inout Brake, runID: Int64) async throws -> PlanBatch? {
        if brake.needsLook {
            try await look(at: stage, &brake, runID: runID)
            if brake.needsLook { return nil }
        }
        let isFree = brake.isEngaged || !brake.settings.isEnabled
        let batch = try await parts.store.planStates(
            stage, planner.context(runID: runID, now: parts.now(), hold: brake.engagement?.hold),
            limit: isFree ? Store.planBatchSize : brake.allowance)
        if let engagement = brake.planned(entries: batch.examined, batch.reach) { reporter.report(engagement, runID: runID) }
        return batch
    }

    /// Few entries are only counted; of many it is worked out what they would do.
    private func look(at stage: PlanStage, _ brake: inout Brake, runID: Int64) async throws {
        let remotes = configuration.remotes.map(\.participation)
        let waiting = try await parts.store.feedSize(stage, remotes, limit: brake.countLimit)
        guard brake.look(waiting: waiting) else { return }
        let survey = try await parts.store.surveyFeed(
            planner.context(runID: runID, now: parts.now()), rememberedRows: brake.settings.touchMinimum)
        let engagement = brake.survey(survey.reach, entries: survey.entries, conversations: survey.conversations)
        if let engagement { reporter.report(engagement, runID: runID) }
    }
}

extension Brake.Engagement {
    /// For `outbox.last_error`.
    var hold: Hold {
        Hold(.brake, reason: "held by the brake: its run would \(summary)")
    }

    /// "finish 812 and touch 900 of 1000 conversations".
    package var summary: String {
        "finish \(reach.finished) and touch \(reach.touched) of \(conversations) conversations"
    }
}

extension DeliveryReporter {
    func report(_ engagement: Brake.Engagement, runID: Int64) {
        tally.countBrake()
        log.write(
            LogEvent("brake.engaged", level: .error).with("run", runID).with("rule", engagement.rule.rawValue)
                .with("finished", engagement.reach.finished).with("touched", engagement.reach.touched)
                .with("conversations", engagement.conversations)
                .with(
                    "hint",
                    "nothing of this is sent; see convosync plan, convosync outbox list --state held; "
                        + "let it go: convosync outbox release --held-by brake; throw it away: convosync outbox discard --held-by brake; "
                        + "rows whose cause is corrected in the tables are discarded by themselves"))
    }
}
