-- Numbered customers, without the time of the last change, with a composite key besides.
CREATE TABLE tenants (id bigint PRIMARY KEY, name text);
CREATE TABLE customers (
	tenant_id  bigint NOT NULL REFERENCES tenants,
	id         bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
	given_name text NOT NULL,
	surname    text NOT NULL,
	full_name  text GENERATED ALWAYS AS (given_name || ' ' || surname) STORED,
	email      text[] NOT NULL DEFAULT '{}',
	mobile     text,
	vat        numeric(8),
	zip        text,
	town       text,
	PRIMARY KEY (tenant_id, id)
);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers (id), name text, email text, phone text);
INSERT INTO tenants VALUES (1, 'a'), (2, 'b');
INSERT INTO customers (tenant_id, given_name, surname) VALUES (1, 'Ana', 'Novak'), (2, 'Bor', 'Zajc');
