-- Like EspoCRM on Postgres: short text keys, e-mails and phones in tables of their own.
CREATE TABLE "user" (id varchar(17) PRIMARY KEY, user_name varchar(50), first_name varchar(100), last_name varchar(100), password varchar(150));
CREATE TABLE account (
	id varchar(17) PRIMARY KEY, name varchar(249), deleted boolean DEFAULT false, website varchar(255), type varchar(255),
	billing_address_street varchar(255), billing_address_city varchar(100), billing_address_country varchar(100), billing_address_postal_code varchar(40),
	shipping_address_street varchar(255), shipping_address_city varchar(100), description text, created_at timestamp, modified_at timestamp
);
CREATE TABLE contact (
	id varchar(17) PRIMARY KEY, deleted boolean DEFAULT false, salutation_name varchar(255), first_name varchar(100), last_name varchar(100),
	account_id varchar(17) REFERENCES account, description text, address_street varchar(255), address_city varchar(100), address_state varchar(100),
	address_country varchar(100), address_postal_code varchar(40), created_at timestamp, modified_at timestamp, assigned_user_id varchar(17)
);
CREATE TABLE lead (
	id varchar(17) PRIMARY KEY, deleted boolean DEFAULT false, first_name varchar(100), last_name varchar(100), account_name varchar(255),
	website varchar(255), address_street varchar(255), address_city varchar(100), status varchar(255), modified_at timestamp
);
CREATE TABLE email_address (id varchar(17) PRIMARY KEY, deleted boolean DEFAULT false, name varchar(255), lower varchar(255));
INSERT INTO contact (id, first_name, last_name) VALUES ('5f0c6d1e7d3c4b0ea', 'Ana', 'Novak');
