"""What the server promises, how it keeps that, and the tests that prove it.

docs/reliability.md is made of this and of what the tests measured: see report.py.
"""

from typing import NamedTuple


class Promise(NamedTuple):
    """tests: each as path::name, under tests/."""

    number: int
    text: str
    mechanism: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"P{self.number}"


PROMISES = (
    Promise(
        1,
        "What was acknowledged is stored, whichever server process is killed, and once only when "
        "a client sends it again with its `Idempotency-Key`.",
        "A reply is sent after the commit, and the reply of a key is stored in the same "
        "transaction.",
        (
            "faults/test_lost_processes.py::test_any_process_may_be_killed",
            "serve/test_serve.py::test_what_was_answered_survives_a_kill",
            "serve/test_serve.py::test_everything_killed_at_once_starts_again",
            "contract/test_idempotency.py::test_many_at_once_are_one",
        ),
    ),
    Promise(
        2,
        "… and when PostgreSQL is killed, as a whole or in part; sockets stay open meanwhile.",
        "`fsync` and `synchronous_commit` are on; a connection that broke is replaced; the "
        "embedded PostgreSQL is started again.",
        (
            "faults/test_lost_processes.py::test_any_process_may_be_killed",
            "serve/test_outages.py::test_a_database_that_died_is_started_again",
        ),
    ),
    Promise(
        3,
        "… and when its disk is full.",
        "What cannot be stored is answered 503; the embedded PostgreSQL is started until it has "
        "room.",
        ("faults/test_database.py::test_a_disk_that_is_full_loses_nothing",),
    ),
    Promise(
        4,
        "Every tracked event is delivered at least once and in commit order to whoever comes back"
        " in time with its last event id.",
        "The log is the queue, and a connection is a place in it: catching up and live are the "
        "same.",
        (
            "realtime/test_resume.py::test_nothing_is_lost_or_doubled_while_others_write",
            "faults/test_lost_processes.py::test_two_hundred_clients_that_come_back_at_once_miss_nothing",
            "faults/test_many_sockets.py::test_every_socket_hears_all_that_is_for_it_once_and_in_order",
        ),
    ),
    Promise(
        5,
        "No event that was committed is stepped over, however many write at once.",
        "Numbers come from one row that is locked until the commit, so they are dense and in "
        "commit order.",
        (
            "faults/test_gaps.py::test_sixteen_writers_at_full_speed_leave_no_gap",
            "realtime/test_event_log.py::test_a_writer_that_commits_late_is_not_skipped",
            "realtime/test_event_log.py::test_a_transaction_that_is_rolled_back_announces_nothing",
        ),
    ),
    Promise(
        6,
        "An event has the same id on every channel, with every redelivery and from every process.",
        "The id is the epoch of the log and the number in it.",
        (
            "realtime/test_protocol.py::test_one_event_has_one_id_on_all_channels",
            "realtime/test_deliveries.py::test_the_same_bytes_come_again",
            "faults/test_many_sockets.py::test_every_socket_hears_all_that_is_for_it_once_and_in_order",
        ),
    ),
    Promise(
        7,
        "A tracked event that is not acknowledged is sent three times on one connection, then "
        "counted and kept.",
        "Each socket keeps what it sent and when.",
        (
            "realtime/test_deliveries.py::test_what_is_not_acknowledged_is_sent_three_times_in_all",
            "realtime/test_waiting.py::test_what_was_sent_three_times_in_vain_is_counted_and_offered_again",
        ),
    ),
    Promise(
        8,
        "An event for an agent that is away waits for it, as long as messages live.",
        "One row for each agent has the numbers that it acknowledged; the rest of its channel is "
        "in the log.",
        (
            "realtime/test_waiting.py::test_it_is_delivered_once_and_not_again_after_the_ack",
            "realtime/test_waiting.py::test_what_is_older_than_a_message_lives_does_not_wait",
        ),
    ),
    Promise(
        9,
        "A gap is never silent: who cannot get all it missed is told why.",
        "Numbers are dense and pruned from the beginning, so that one comparison tells; it is "
        "made again after a catch-up.",
        (
            "realtime/test_resume.py::test_an_id_of_another_log_is_told",
            "realtime/test_resume.py::test_numbers_that_are_pruned_or_to_come_are_told",
            "realtime/test_event_log.py::test_a_log_that_begins_anew_closes_all_sockets",
            "faults/test_gaps.py::test_a_log_that_is_pruned_during_a_catch_up_hides_nothing",
        ),
    ),
    Promise(
        10,
        "A client that does not read costs bounded memory, is cut off, and can come back for what"
        " it missed.",
        "There is no queue for a client; a send that takes ten seconds ends its socket with 4008.",
        ("faults/test_slow_clients.py::test_a_client_that_stops_reading_is_cut_off_and_resumes",),
    ),
    Promise(
        11,
        "Without Redis, or with an emptied one, everything works and events arrive a little later.",
        "Redis carries hints; whoever hears none looks by itself.",
        (
            "faults/test_redis.py::test_while_redis_is_away_writes_succeed_and_events_arrive",
            "faults/test_throttle.py::test_servers_share_the_pace_of_a_key",
        ),
    ),
    Promise(
        12,
        "While PostgreSQL hangs or is away, requests are answered 503 with `Retry-After` within "
        "two seconds, and nothing that was acknowledged is lost.",
        "Whoever waits asks whether the database answers at all; one question serves all.",
        (
            "faults/test_database.py::test_a_database_that_hangs_loses_nothing",
            "serve/test_outages.py::test_requests_are_answered_within_two_seconds_while_the_database_hangs",
            "serve/test_outages.py::test_health_says_within_two_seconds_that_the_database_hangs",
            "serve/test_outages.py::test_livez_does_not_mind_a_database_that_hangs",
            "serve/test_outages.py::test_a_hanging_database_does_not_keep_it_from_ending",
        ),
    ),
    Promise(
        13,
        "Hooks never break the agent nor keep it waiting, and lose nothing while the server is "
        "away.",
        "What was not taken waits in a spool and goes ahead of the next event.",
        (
            "client/test_spool.py::test_a_server_that_hangs_costs_a_second_at_most",
            "client/test_spool.py::test_hooks_that_run_at_once_lose_nothing",
            "client/test_spool.py::test_hundreds_of_events_after_an_outage_are_as_many_actions",
            "client/test_spool.py::test_half_a_line_does_not_spoil_the_next",
        ),
    ),
    Promise(
        14,
        "That an agent comes or goes is told once, also when its server is killed.",
        "A row for each socket, with a lease; row and event are one transaction.",
        (
            "faults/test_presence.py::test_agents_of_a_server_that_dies_are_told_once",
            "faults/test_presence.py::test_an_agent_that_comes_and_goes_all_the_time_is_told_each_time",
        ),
    ),
    Promise(
        15,
        "Delivery does not depend on the size of the data.",
        "The log is a table; a hint carries nothing.",
        ("realtime/test_protocol.py::test_data_of_any_size_arrives_as_it_was",),
    ),
    Promise(
        16,
        "A writer that hangs cannot stop the log.",
        "`lock_timeout`, and `idle_in_transaction_session_timeout`, which ends it.",
        (
            "realtime/test_event_log.py::test_while_the_log_is_locked_writes_are_refused_in_time",
            "realtime/test_event_log.py::test_a_writer_that_hangs_with_the_log_locked_is_got_rid_of",
        ),
    ),
    Promise(
        17,
        "Restarting servers in turn loses nothing: what is under way is answered, sockets are "
        "closed with 1012.",
        "SIGTERM: stop listening, answer, write what is batched, within eight seconds.",
        (
            "faults/test_lost_processes.py::test_servers_that_are_restarted_in_turn_lose_nothing",
            "serve/test_serve.py::test_a_request_under_way_is_answered_before_the_end",
            "serve/test_serve.py::test_sockets_are_closed_as_by_a_restart",
        ),
    ),
    Promise(
        18,
        "Ten thousand sockets at one process, and two thousand that come back within five "
        "seconds, miss nothing.",
        "Each event is encoded once, and written to all in one turn.",
        ("faults/test_idle_sockets.py::test_ten_thousand_sockets_and_a_storm_of_two_thousand",),
    ),
    Promise(
        19,
        "Nothing leaks: memory, files and connections stay as they are under a steady load.",
        "See [the soak](benchmarks/soak.md), which fits a line through memory and event lag.",
        (
            "faults/test_idle_sockets.py::test_ten_thousand_sockets_and_a_storm_of_two_thousand",
            "soak/test_soak.py::test_a_short_soak_has_neither_failures_nor_gaps",
        ),
    ),
    Promise(
        20,
        "A client that has seen the number of `X-DCM-Seq` has seen the event of its write.",
        "The number is known before the commit.",
        (
            "contract/test_read_your_writes.py::test_every_write_is_heard_under_the_number_of_its_reply",
        ),
    ),
    Promise(
        21,
        "Whatever happens in whatever order, a client has all of its channels or was told that it"
        " has not.",
        "A state machine of rules drives the real consumer, hub and log.",
        (
            "realtime/test_any_order.py::test_nobody_misses_an_event_without_being_told",
            "realtime/test_any_order.py::test_nothing_is_told_after_a_gap",
        ),
    ),
    Promise(
        22,
        "Clients that send their requests byte by byte hold nobody up, and are cut off.",
        "A body is read before a thread is taken; a request has 20 seconds, and one more for each"
        " kilobyte.",
        (
            "faults/test_slow_requests.py::test_clients_that_send_byte_by_byte_hold_nobody_up",
            "serve/test_slow_requests.py::test_a_byte_now_and_then_is_not_enough",
        ),
    ),
    Promise(
        23,
        "A server whose clock is wrong, or jumps, deletes nothing and tells nothing that is not "
        "so.",
        "What ends goes by [the clock of the database](decisions/0016-one-clock.md).",
        ("faults/test_clock.py::test_a_server_with_a_wrong_clock_harms_nothing",),
    ),
    Promise(
        24,
        "Servers of a new version bring the tables up to date while others serve.",
        "One of them does it, under a lock; who waits too long for a table is answered 503.",
        ("faults/test_migrations.py::test_migrations_run_while_others_serve",),
    ),
    Promise(
        25,
        "A subtask is claimed by one agent at a time, however many ask for the next one.",
        "Claims are taken row by row under locks that others skip.",
        ("faults/test_claim_races.py::test_each_subtask_is_claimed_exactly_once",),
    ),
)
