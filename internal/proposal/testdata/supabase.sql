-- A starter of Supabase: each user has contacts.
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text, phone text, name text);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULL::uuid $$;
CREATE TYPE contact_status AS ENUM ('lead', 'customer', 'former');
CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users, full_name text, avatar_url text, website text);
CREATE TABLE contacts (
	id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	user_id    uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
	name       text NOT NULL,
	email      text,
	phone      text,
	company    text,
	status     contact_status NOT NULL,
	notes      text,
	created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON contacts USING (auth.uid() = user_id);
