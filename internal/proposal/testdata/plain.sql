-- What mksync takes by default.
CREATE TABLE contacts (
	id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	name         text NOT NULL,
	company_name text,
	email        text,
	phone        text,
	address      text,
	country      varchar(2),
	tax_number   varchar(32),
	notes        text,
	website      text,
	created_at   timestamptz NOT NULL DEFAULT now(),
	updated_at   timestamptz NOT NULL DEFAULT now()
);
