-- A Slovenian one, made at home.
CREATE TABLE "posta" ("st_poste" integer PRIMARY KEY, naziv text NOT NULL);
CREATE TABLE stranke (
	id_stranke         serial PRIMARY KEY,
	naziv              varchar(200),
	ime                varchar(50) NOT NULL DEFAULT '',
	priimek            varchar(50) NOT NULL DEFAULT '',
	ulica              varchar(100),
	"poštna_številka"  integer,
	kraj               varchar(50),
	"država"           varchar(60) DEFAULT 'Slovenija',
	"davčna_številka"  varchar(12),
	telefon            varchar(30),
	gsm                varchar(30),
	"e-pošta"          varchar(100),
	spletna_stran      varchar(200),
	opombe             text,
	mk_id              bigint,
	"izbrisano"        boolean,
	spremenjeno        timestamp DEFAULT now()
);
INSERT INTO stranke (ime, priimek, izbrisano) VALUES ('Ana', 'Novak', NULL), ('Bor', 'Zajc', true);
