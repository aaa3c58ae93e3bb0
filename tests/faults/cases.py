"""What may go wrong around the middleware, each case with the tests that fail without its defence.

A test is named by its file under `tests/` and its function; what has a reason instead is told in docs/faults.md.
"""

CASES = {
    # The app does not notice
    "T1 the app raises": "doors/test_transparency::test_the_same_exception_object_leaves_the_asgi_door"
    " doors/test_transparency::test_the_same_exception_object_leaves_the_wsgi_door",
    "T2 streams pass chunk by chunk": "doors/test_transparency::test_each_chunk_is_forwarded_before_the_next_is_made"
    " servers/test_streams::test_no_chunk_is_asked_for_before_the_last_has_been_passed_on",
    "T3 a client leaves a stream": "servers/test_streams"
    "::test_two_hundred_sockets_closed_in_the_middle_leave_no_trace_open",
    "T4 bodies unread, in pieces, huge": "doors/test_transparency::test_the_request_body_is_never_read_for_the_app"
    " observer/test_memory::test_a_huge_upload_and_a_huge_answer_are_not_held",
    "T5 scope and environ": "doors/test_transparency"
    "::test_the_scope_of_the_caller_gets_what_the_app_wrote_and_nothing_of_ours"
    " doors/test_transparency::test_other_scopes_pass_untouched"
    " doors/test_asgi_attacks::test_a_server_that_says_nothing_where_it_should_is_the_apps_to_judge"
    " doors/test_asgi_attacks::test_what_a_server_tells_only_once_is_told_to_the_app"
    " doors/test_asgi_attacks::test_an_app_is_called_as_its_own_version_of_asgi_says",
    "T6 websockets": "servers/test_websocket::test_a_code_of_the_server_reaches_client_and_trace"
    " servers/test_websocket::test_a_conversation_is_one_session_of_turns"
    " doors/test_websocket::test_a_denial_response_passes",
    "T7 background tasks": "doors/test_transparency"
    "::test_a_background_task_runs_after_the_last_byte_and_its_spans_belong_to_the_turn",
    "T8 context variables": "doors/test_mixups::test_over_one_event_loop"
    " doors/test_transparency::test_interleaved_sessions_never_mix",
    "T9 generators ended elsewhere": "doors/test_transparency"
    "::test_generators_of_a_streaming_response_whatever_ends_them",
    "T10 WSGI bodies": "doors/test_transparency::test_wsgi_rules_are_kept_on_both_sides"
    " doors/test_transparency::test_close_is_called_once_and_always"
    " doors/test_wsgi_attacks::test_the_stream_of_the_body_does_what_the_servers_does"
    " doors/test_wsgi_attacks::test_a_server_may_be_given_what_answers_for_a_flask_app_without_the_app",
    "T11 wrapped twice, other tracers": "doors/test_transparency::test_wrapped_twice_a_request_is_one_trace"
    " doors/test_asgi_attacks::test_middlewares_in_app_and_mounted_app_make_one_trace",
    "T12 response headers": "doors/test_transparency::test_answers_and_headers_are_those_of_the_bare_app"
    " doors/test_asgi_attacks::test_no_cookie_is_added_to_what_caches_share_however_the_app_says_so",
    "T13 the loop is never blocked": "faults/test_app::test_nothing_blocks_the_loop_while_the_file_is_locked",
    "T14 hooks that raise": "observer/test_hooks::test_a_hook_that_raises_costs_only_its_own_part"
    " observer/test_hooks::test_a_slow_hook_is_counted"
    " doors/test_acting::test_what_ends_the_work_of_a_request_while_it_waits_for_a_hook_passes_through",
    "T15 switched off": "faults/test_app::test_switched_off_nothing_is_made_and_nothing_is_started"
    " test_house::test_importing_convotrace_loads_no_framework_starts_no_thread_and_opens_no_file",
    # Processes
    "P1 gunicorn in every way": "servers/test_process_models::test_every_way_of_gunicorn_stores_every_turn",
    "P2 uvicorn, workers and reload": "servers/test_process_models::test_uvicorn_with_workers_stores_every_turn"
    " servers/test_process_models::test_a_reload_leaves_nothing_running_for_ever",
    "P3 forks": "store/test_processes::test_forks_under_load_write_on_both_sides"
    " servers/test_process_models::test_a_fork_inside_a_request_hangs_nobody_and_counts_once",
    "P4 pools of processes": "faults/test_app::test_pools_of_processes_in_a_request_end",
    "P5 SIGTERM under load": "servers/test_process_models::test_a_term_signal_under_load_loses_no_answered_turn"
    " store/test_writer::test_what_a_close_had_no_time_to_write_is_counted_in_the_store_before_it_ends",
    "P6 the interpreter ends": "store/test_processes::test_what_is_queued_is_written_at_exit",
    "P7 kill -9": "servers/test_kills::test_two_hundred_kills_leave_the_file_whole_and_lose_a_second_at_most"
    " servers/test_servers::test_after_kill_9_every_turn_answered_a_second_before_is_there",
    # The store
    "S1 a locked file": "doors/test_broken_store::test_a_locked_store_delays_nobody_and_loses_nothing"
    " store/test_writer::test_a_locked_file_costs_nobody_who_puts",
    "S2 a full disk": "store/test_writer::test_a_full_disk_is_survived",
    "S3 a place that cannot be written": "doors/test_broken_store::test_a_store_that_cannot_be_opened_changes_no_answer"
    " doors/test_broken_store::test_health_says_why_and_what_was_lost",
    "S4 a damaged file": "store/test_opening::test_a_damaged_store_is_set_aside_whole_and_a_new_one_is_begun"
    " faults/test_app::test_the_page_says_that_a_damaged_file_was_set_aside",
    "S5 newer and older schemas": "store/test_opening"
    "::test_a_place_that_is_no_store_is_refused_in_one_sentence_and_left_alone"
    " store/test_opening::test_a_file_that_an_earlier_schema_wrote_reads_as_if_it_were_written_today"
    " faults/test_store::test_a_kill_while_an_older_file_is_brought_up_leaves_it_usable",
    "S6 no write-ahead log": "faults/test_store::test_without_a_write_ahead_log_the_store_works_and_doctor_says_so",
    "S7 retention in small steps": "store/test_retention"
    "::test_a_long_session_goes_at_once_for_readers_and_in_pieces_for_the_lock",
    "S8 PostgreSQL away or slow": "store/test_postgres_outages"
    "::test_a_server_that_stalls_holds_nobody_up_and_gets_all_when_it_answers",
    "S9 backups": "store/test_backup::test_copies_made_under_load_are_whole_and_open_elsewhere",
    "S10 a file that vanishes": "store/test_opening::test_a_file_that_was_removed_is_begun_anew",
    "S11 a clock that jumps": "recorder/test_states::test_a_clock_that_went_back_makes_no_negative_duration"
    " store/test_leases::test_a_lease_from_a_clock_that_was_set_back_is_free",
    # Load
    "L1 a burst": "store/test_writer::test_a_full_queue_drops_and_counts_and_keeps_room_for_what_matters"
    " observer/test_memory::test_a_stuck_store_holds_a_bounded_amount",
    "L2 a slow disk": "faults/test_store::test_a_slow_disk_delays_no_request_and_loses_nothing",
    "L3 huge traces": "observer/test_memory::test_a_trace_of_twenty_thousand_spans_is_stored_and_cut_visibly",
    "L4 many browsers": "page/test_live::test_fifty_streams_cost_one_question_a_tick"
    " page/test_live::test_one_stream_too_many_is_sent_to_asking_and_a_closed_one_makes_room",
    "L5 a long time": "observer/test_memory"
    "::test_twenty_thousand_requests_leave_memory_threads_and_handles_as_they_were"
    " servers/test_soak::test_memory_stays_flat_under_all_that_two_cores_give"
    " observer/test_objects::test_ten_thousand_objects_built_and_dropped_leave_nothing",
    # Concurrency
    "C1 eight processes, one file": "store/test_processes"
    "::test_of_eight_processes_on_one_file_for_a_minute_all_that_was_sent_is_stored_or_counted",
    "C2 threads": "doors/test_mixups::test_over_64_threads",
    "C3 shapes of asyncio": "doors/test_asgi_attacks::test_shapes_of_concurrency_keep_their_parents",
    "C4 greenlets": "servers/test_process_models::test_greenlets_keep_their_own_session"
    " doors/test_mixups::test_over_200_greenlets",
    # Hostile input
    "H1 session ids": "identity/test_ids::test_what_no_database_holds_is_escaped"
    " identity/test_ids::test_an_id_that_is_too_long_is_hashed_and_marked",
    "H2 payloads": "recorder/test_values::test_any_value_becomes_json_and_a_copy_of_a_copy_is_the_same"
    " recorder/test_values::test_an_object_that_takes_long_to_tell_holds_nobody_up_and_is_not_asked_again",
    "H3 log injection": "hooks/test_structlog::test_newlines_and_escapes_in_a_line_stay_one_event"
    " hooks/test_structlog::test_keys_of_the_line_that_collide_with_ours_stay_the_apps",
    "H4 scripts in every text": "page/test_every_page"
    "::test_no_hostile_text_in_any_column_of_any_page_runs_fetches_or_is_blocked",
    "H5 links of models": "page/test_hostile::test_html_and_fence_names_of_a_model_are_text",
    "H6 SQL in parameters": "page/test_routes::test_a_query_that_cannot_be_used_is_answered_with_one_sentence",
    "H7 search syntax": "store/test_search::test_hostile_syntax_is_words_or_refused",
    "H8 costly patterns": "redaction/test_patterns"
    "::test_a_pattern_that_may_take_for_ever_is_refused_within_a_second"
    " redaction/test_patterns::test_the_time_for_a_hostile_text_grows_with_its_length_and_no_faster",
    "H9 holes in redaction": "doors/test_redacted::test_no_secret_is_in_any_file_whatever_brought_it"
    " doors/test_canaries::test_nothing_that_is_written_holds_a_canary"
    " redaction/test_patterns::test_in_json_kept_as_text_it_is_found_behind_any_escape_and_the_json_stays_whole"
    " redaction/test_patterns::test_what_people_type_is_found_in_any_script_with_any_space_and_with_what_nobody_sees",
    "H10 hostile OTLP": "servers/test_otlp::test_hostile_bodies_are_refused_and_cost_little_memory",
    # The page
    "W1 exposure": "servers/test_servers::test_behind_a_bare_proxy_every_route_is_unknown"
    " page/test_access::test_only_declared_development_on_this_machine_opens_without_a_token"
    " page/test_access::test_an_auth_that_fails_refuses_and_is_counted",
    "W2 requests from elsewhere": "page/test_access::test_a_request_sent_from_elsewhere_is_refused_even_with_the_token",
    "W3 the shield": "page/test_routes::test_every_answer_carries_the_shield_and_none_opens_to_other_origins",
    "W4 cookies": "page/test_link"
    "::test_the_cookie_is_hidden_from_scripts_lax_without_path_and_does_not_hold_the_token",
    "W5 feedback": "doors/test_feedback::test_a_wrong_ticket_another_turns_and_none_are_answered_like_any_wrong_path"
    " doors/test_feedback::test_a_body_too_large_and_too_many_judgements_are_refused",
    "W6 one id, two users": "store/test_two_users::test_the_second_user_of_an_id_has_a_session_of_their_own",
    "W7 names of files": "page/test_attachments::test_a_hostile_name_stays_inside_its_header_and_its_folder",
    "W8 webhooks": "jobs/test_alerts::test_no_address_of_a_private_network_is_connected_to"
    " jobs/test_alerts::test_an_answer_that_leads_elsewhere_is_not_followed_and_one_without_end_is_not_read",
    "W9 the live stream": "page/test_live::test_one_stream_too_many_is_sent_to_asking_and_a_closed_one_makes_room"
    " page/test_live::test_a_stream_ends_when_who_listens_may_no_longer",
    "W10 deletion": "store/test_search::test_no_byte_of_forgotten_words_is_left_in_the_index"
    " store/test_forgetting::test_no_byte_is_left_of_what_was_forgotten",
}  # fmt: skip
