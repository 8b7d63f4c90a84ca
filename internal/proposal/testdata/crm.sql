-- A CRM with an organisation's contacts: a text key, a name and an address in parts, a
-- whole name that a trigger fills, row level security, and links of its own with MetaKocka.
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;

CREATE TABLE organizations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);
CREATE TABLE organization_members (organization_id uuid REFERENCES organizations, user_id uuid REFERENCES auth.users, PRIMARY KEY (organization_id, user_id));

CREATE TABLE contacts (
	id              text PRIMARY KEY DEFAULT gen_random_uuid()::text,
	firstname       text NOT NULL DEFAULT '',
	lastname        text NOT NULL DEFAULT '',
	full_name       text,
	email           text NOT NULL UNIQUE,
	phone           text DEFAULT '',
	company         text DEFAULT '',
	position        text DEFAULT '',
	address         text DEFAULT '',
	city            text DEFAULT '',
	postal_code     text DEFAULT '',
	country         text DEFAULT '',
	tax_number      text DEFAULT '',
	website         text DEFAULT '',
	notes           text DEFAULT '',
	status          text NOT NULL DEFAULT 'active',
	tags            text[] DEFAULT '{}',
	created_by      uuid REFERENCES auth.users,
	organization_id uuid NOT NULL REFERENCES organizations,
	createdat       timestamptz NOT NULL DEFAULT now(),
	updatedat       timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION fill_full_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.full_name IS NULL OR NEW.full_name = '' THEN
		NEW.full_name := trim(NEW.firstname || ' ' || NEW.lastname);
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER contacts_full_name BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION fill_full_name();

CREATE FUNCTION touch_updatedat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.updatedat = now(); -- at every change
	RETURN NEW;
END $$;
CREATE TRIGGER contacts_updatedat BEFORE UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION touch_updatedat();

ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON contacts USING (organization_id IN (SELECT m.organization_id FROM organization_members m WHERE m.user_id = auth.uid()));

CREATE TABLE contact_notes (id uuid PRIMARY KEY, contact_id text REFERENCES contacts, name text, email text, note text);
CREATE TABLE metakocka_contact_mappings (
	id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	organization_id uuid REFERENCES organizations,
	user_id         uuid REFERENCES auth.users,
	contact_id      text NOT NULL REFERENCES contacts ON DELETE CASCADE,
	metakocka_id    varchar(255) NOT NULL,
	metakocka_code  varchar(255),
	sync_status     varchar(50) DEFAULT 'synced',
	last_synced_at  timestamptz DEFAULT now(),
	UNIQUE (contact_id, metakocka_id)
);
CREATE TABLE metakocka_product_mappings (id uuid PRIMARY KEY, product_id text, metakocka_id varchar(255));

INSERT INTO organizations VALUES ('5f0c6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10', 'Podjetje');
INSERT INTO contacts (firstname, lastname, email, organization_id)
	VALUES ('Ana', 'Novak', 'ana@primer.si', '5f0c6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10'), ('Bor', 'Zajc', 'bor@primer.si', '5f0c6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10');
