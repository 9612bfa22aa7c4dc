import SyncCore

extension BridgeBench {
    /// What the remotes of a bench are configured with.
    struct Rules {
        var conflict = AdoptionPolicy.Conflict.newest
        var reopen = AdoptionPolicy.Reopening.message
        var adopt = ["status"]

        /// Every policy comes with every evidence in nine seeds in a row.
        static func of(seed: UInt64) -> Rules {
            Rules(
                conflict: AdoptionPolicy.Conflict.allCases[Int(seed % 3)], reopen: AdoptionPolicy.Reopening.allCases[Int(seed / 3 % 3)],
                adopt: seed % 2 == 0 ? ["status"] : ["status", "title", "tags"])
        }

        /// The configuration file: four remotes, three of them polled.
        var configuration: String {
            let common = """
                token_file = "token"
                breaker = { min_sample = 100000 }
                conflict = "\(conflict.rawValue)"
                reopen = "\(reopen.rawValue)"
                """
            let adopt = "adopt = [\(adopt.map { "\"\($0)\"" }.joined(separator: ", "))]"
            let poll = #"poll = { interval = "5s", pages = 2, rotate = 4 }"#
            return """
                [database]
                path = "convosync.db"
                [schedule]
                stall = "200ms"
                # What failed stays due for a while: others change things meanwhile.
                [retry]
                base = "3s"
                cap = "8s"
                max_attempts = 10000
                [remotes.helpdesk]
                url = "https://helpdesk.example.com"
                \(adopt)
                \(poll)
                \(common)
                [remotes.fin]
                url = "https://fin.example.com"
                \(common)
                [remotes.voicebot]
                url = "https://voicebot.example.com"
                \(poll)
                \(common)
                [remotes.vg]
                url = "https://vg.example.com"
                agent_id = "a"
                \(adopt)
                \(poll)
                \(common)
                """
        }
    }
}
