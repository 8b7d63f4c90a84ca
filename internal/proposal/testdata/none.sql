-- No contacts that mksync can work on.
CREATE TABLE products (id uuid PRIMARY KEY, name text, price numeric);
CREATE TABLE contacts (name text, email text, phone text);
CREATE UNLOGGED TABLE stranke (id uuid PRIMARY KEY, naziv text, email text);
