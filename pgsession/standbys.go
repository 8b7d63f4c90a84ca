package pgsession

// SynchronizedSlots are the names in synchronized_standby_slots, in SQL: the slots of the
// standbys that have to have a commit before Postgres gives it out. Null before Postgres 17,
// which has no such setting.
const SynchronizedSlots = `string_to_array(translate(lower(current_setting('synchronized_standby_slots', true)), ' "', ''), ',')`
