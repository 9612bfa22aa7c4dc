import Fixtures

extension ScenarioConfiguration {
    /// Polls and webhooks of everything that can be read, few kept rows, and a level of the log that shows failures only.
    mutating func torture(listeningOn port: Int) {
        self["listen", "address"] = "\"127.0.0.1:\(port)\""
        self["listen", "rate"] = "\"unlimited\""
        self["log", "level"] = "\"info\""
        self["retention", "max_rows"] = "500"
        for remote in Self.remotes { self["remotes.\(remote).webhook", "secret_file"] = "\"webhook-secret\"" }
        self["remotes.voicebot.webhook", "id_path"] = "\"data.id\""
        for remote in ["helpdesk", "voicebot", "vg"] {
            self["remotes.\(remote).poll", "interval"] = "\"1s\""
            self["remotes.\(remote).poll", "rotate"] = "10"
        }
        // A response to a message then says nothing about the conversation, and the application's rows stay as it has written them.
        self["remotes.fin.status.inbound", "awaiting_user_reply"] = "\"none\""
    }
}
