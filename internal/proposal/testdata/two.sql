-- Two tables that may be meant, and a view.
CREATE TABLE customers (id uuid PRIMARY KEY, name text, email text, phone text, modified_at timestamptz);
CREATE TABLE clients (id uuid PRIMARY KEY, name text, email text, phone text, modified_at timestamptz);
CREATE VIEW contacts AS SELECT id, name, email, phone FROM customers;
