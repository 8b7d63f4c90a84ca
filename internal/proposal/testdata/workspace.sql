-- Like Twenty: a schema for each workspace, names in camel case, fields of several columns.
CREATE SCHEMA core;
CREATE TABLE core."user" (id uuid PRIMARY KEY, "firstName" text, "lastName" text, email text UNIQUE, "passwordHash" text);
CREATE SCHEMA workspace_3ixj3i1a5avy16ptijtb3lae3;
SET search_path = workspace_3ixj3i1a5avy16ptijtb3lae3;
CREATE TABLE company (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, "domainNamePrimaryLinkUrl" text, "domainNameSecondaryLinks" jsonb,
	"addressAddressStreet1" text, "addressAddressStreet2" text, "addressAddressCity" text, "addressAddressPostcode" text,
	"addressAddressState" text, "addressAddressCountry" text, employees double precision,
	"createdAt" timestamptz NOT NULL DEFAULT now(), "updatedAt" timestamptz NOT NULL DEFAULT now(), "deletedAt" timestamptz
);
CREATE TABLE person (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "nameFirstName" text, "nameLastName" text,
	"emailsPrimaryEmail" text, "emailsAdditionalEmails" jsonb, "linkedinLinkPrimaryLinkUrl" text,
	"phonesPrimaryPhoneNumber" text, "phonesPrimaryPhoneCountryCode" text, "phonesAdditionalPhones" jsonb,
	"jobTitle" text, city text, "avatarUrl" text, position double precision NOT NULL DEFAULT 0, "companyId" uuid REFERENCES company,
	"searchVector" tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce("nameFirstName", ''))) STORED,
	"createdAt" timestamptz NOT NULL DEFAULT now(), "updatedAt" timestamptz NOT NULL DEFAULT now(), "deletedAt" timestamptz
);
CREATE UNIQUE INDEX ON person ("emailsPrimaryEmail") WHERE "deletedAt" IS NULL;
