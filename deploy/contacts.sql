-- A CRM to try mksync with: a role without superuser rights, a contacts table it
-- owns and a few contacts. This is all that mksync asks of a database.

CREATE ROLE mksync LOGIN REPLICATION PASSWORD 'mksync';

-- For the publication, and for mksync's own tables in schema public.
DO $$ BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO mksync', current_database());
END $$;
GRANT CREATE, USAGE ON SCHEMA public TO mksync;

CREATE TABLE public.contacts (
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
ALTER TABLE public.contacts OWNER TO mksync;

INSERT INTO public.contacts
    (name, company_name, email, phone, address, country, tax_number, notes, website)
VALUES
    ('Ana Novak', 'Primer d.o.o.', 'ana.novak@example.si', '+386 40 111 222', 'Slovenska cesta 1, Ljubljana, 1000', 'SI', 'SI12345678', 'Prefers e-mail', 'https://example.si'),
    ('Borut Kranjc', NULL, 'borut@example.com', '031 222 333', 'Glavni trg 5, Maribor, 2000', 'SI', NULL, NULL, NULL),
    ('Čarna Žagar', 'Žaga Čarna s.p.', 'carna@example.si', '01 234 56 78', 'Cesta na Brdo 12, 1000 Ljubljana', 'SI', '87654321', NULL, NULL),
    ('Dieter Huber', 'Huber GmbH', 'd.huber@example.at', '+43 1 5550123', 'Ringstraße 7, Wien, 1010', 'AT', 'ATU12345675', NULL, 'https://huber.example'),
    ('Eva Horvat', NULL, 'eva.horvat@example.hr', '+385 91 555 0199', 'Ilica 20, Zagreb, 10000', 'HR', NULL, 'Met at the fair', NULL);
