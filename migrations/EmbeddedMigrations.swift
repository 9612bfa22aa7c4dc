/// The schema's history as it is embedded in the program: every `NNNN_name.sql` of this folder, in order.
///
/// In the generated names a leading digit has become `_`. Package.swift lists the files for embedding and this list names them; a test compares both with the folder.
package enum EmbeddedMigrations {
    /// Identifier (the file's name without ending) and SQL text.
    package static var all: [(identifier: String, sql: String)] {
        [
            ("0001_application", PackageResources._001_application_sql),
            ("0002_outbox", PackageResources._002_outbox_sql),
            ("0003_change_feed", PackageResources._003_change_feed_sql),
            ("0004_inbound", PackageResources._004_inbound_sql),
            ("0005_delivery", PackageResources._005_delivery_sql),
            ("0006_borders", PackageResources._006_borders_sql),
            ("0007_fate", PackageResources._007_fate_sql),
            ("0008_keys_and_queues", PackageResources._008_keys_and_queues_sql),
            ("0009_agreed_pair", PackageResources._009_agreed_pair_sql),
            ("0010_operators_view", PackageResources._010_operators_view_sql),
            ("0011_claims_and_problems", PackageResources._011_claims_and_problems_sql),
            ("0012_waiting_entries", PackageResources._012_waiting_entries_sql),
            ("0013_clock", PackageResources._013_clock_sql),
            ("0014_clock_seen", PackageResources._014_clock_seen_sql),
            ("0015_upserts_and_moved_links", PackageResources._015_upserts_and_moved_links_sql),
            ("0016_messages_follow", PackageResources._016_messages_follow_sql),
            ("0017_resending", PackageResources._017_resending_sql),
            ("0018_links_without_effect", PackageResources._018_links_without_effect_sql),
            ("0019_places_of_messages", PackageResources._019_places_of_messages_sql),
        ].map { ($0.0, String(decoding: $0.1, as: UTF8.self)) }
    }
}
