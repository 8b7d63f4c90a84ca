package pgsession

// Beneath joins to a query, for each row t of pg_type, what of a domain is beneath it, through
// every domain that it is made of: beneath.type, its oid; beneath.typmod of that, -1 where no
// domain says one; beneath.filled, whether one of them must not be null. Of any other type it
// is the type itself.
const Beneath = `CROSS JOIN LATERAL (
	WITH RECURSIVE level AS (
		SELECT t.oid, t.typbasetype, t.typtypmod, t.typnotnull
		UNION ALL SELECT b.oid, b.typbasetype, b.typtypmod, b.typnotnull FROM level JOIN pg_type b ON b.oid = level.typbasetype)
	SELECT max(oid) FILTER (WHERE typbasetype = 0) AS type, max(typtypmod) AS typmod, bool_or(typnotnull) AS filled FROM level) AS beneath`
