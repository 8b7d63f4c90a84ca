package demo

import (
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// The people that the story names.
const (
	ziga    = "Žiga Kovač"
	spela   = "Špela Črnigoj"
	matjaz  = "Matjaž Šušteršič"
	urska   = "Urška Žnidaršič"
	joze    = "Jože Češnovar"
	anja    = "Anja Vodušek"
	lukas   = "Lukas Grüber"
	bostjan = "Boštjan Križaj"
	katja   = "Katja Hočevar"
	tjasa   = "Tjaša Šinkovec"
	miha    = "Miha Bratuž"
	polona  = "Polona Jerič Čuk"
	rok     = "Rok Zupančič"
)

// residents are in the CRM before mksync is started.
func residents() []mapping.Contact {
	return []mapping.Contact{
		{
			Name: ziga, CompanyName: "Kovač les d.o.o.", Email: "ziga@kovac-les.example", Phone: "041 234 567",
			Address: "Rožna dolina 12, Ljubljana, 1000", Country: "SI", TaxNumber: "SI41203948", Website: "https://kovac-les.example",
		},
		{
			Name: spela, Email: "spela.crnigoj@posta.example", Phone: "+386 31 765 432",
			Address: "Trubarjeva cesta 8, Ljubljana, 1000", Country: "SI",
		},
		{
			Name: matjaz, CompanyName: "Šušteršič instalacije s.p.", Email: "matjaz@sustersic.example", Phone: "02 250 12 34",
			Address: "Glavni trg 5, Maribor, 2000", Country: "SI", TaxNumber: "58203746", Notes: "Kliči po 15. uri",
		},
		{
			Name: urska, CompanyName: "Pekarna Žnidaršič d.o.o.", Email: "urska@pekarna-znidarsic.example",
			Address: "Stari trg 3, Škofja Loka, 4220", Country: "SI", TaxNumber: "73920485",
		},
		{
			Name: joze, Email: "joze.cesnovar@posta.example", Phone: "051 888 123",
			Address: "Čopova ulica 21, Celje, 3000", Country: "SI",
		},
		{
			Name: anja, CompanyName: "Lekarna Pri zmaju d.o.o.", Email: "anja@pri-zmaju.example", Phone: "01 430 55 66",
			Address: "Poljanska cesta 40, Ljubljana, 1000", Country: "SI", TaxNumber: "SI60938271",
		},
		{
			Name: lukas, CompanyName: "Grüber Maschinenbau GmbH", Email: "l.grueber@grueber.example", Phone: "+43 316 555 019",
			Address: "Annenstraße 23, Graz, 8020", Country: "AT", TaxNumber: "ATU62847193", Website: "https://grueber.example",
		},
		{
			Name: bostjan, Email: "bostjan@krizaj-vina.example", Phone: "040 321 777",
			Address: "Vipavska cesta 15, Nova Gorica, 5000", Country: "SI",
		},
		{
			Name: katja, Email: "katja.hocevar@posta.example", Phone: "070 111 222",
			Address: "Kidričeva ulica 2, Novo mesto, 8000", Country: "SI",
		},
	}
}

// newcomer is entered in the CRM while mksync runs.
func newcomer() mapping.Contact {
	return mapping.Contact{
		Name: tjasa, CompanyName: "Studio Škrlat d.o.o.", Email: "tjasa@studio-skrlat.example", Phone: "068 612 340",
		Address: "Gosposka ulica 9, Ptuj, 2250", Country: "SI", TaxNumber: "SI19283746",
	}
}

// unsendable has something else where its e-mail address should be.
func unsendable() mapping.Contact {
	return mapping.Contact{
		Name: miha, Email: "miha.bratuz(at)posta.example", Phone: "041 999 000",
		Address: "Ljubljanska cesta 1, Kranj, 4000", Country: "SI",
	}
}

// unlucky is being sent when the service is killed.
func unlucky() mapping.Contact {
	return mapping.Contact{
		Name: polona, CompanyName: "Čuk arhitekti d.o.o.", Email: "polona@cuk-arhitekti.example", Phone: "030 404 505",
		Address: "Cankarjeva cesta 7, Koper, 6000", Country: "SI", TaxNumber: "SI84736251",
	}
}

// patient is entered while MetaKocka is away.
func patient() mapping.Contact {
	return mapping.Contact{
		Name: rok, Email: "rok.zupancic@posta.example", Phone: "064 150 160",
		Address: "Prešernova cesta 30, Kranj, 4000", Country: "SI",
	}
}

// bakery is the company of a contact that the ERP knows already: with SI before
// the tax number, and with a phone number that the CRM does not have.
func bakery() metakocka.Partner {
	return metakocka.Partner{
		Customer: "Pekarna Žnidaršič d.o.o.", TaxIDNumber: "SI73920485", BusinessEntity: true, Taxpayer: true,
		Contacts: []metakocka.Contact{{Name: urska, GSM: "041 700 800"}},
		Addresses: []metakocka.Address{{
			Type: metakocka.AddressBilling, Street: "Stari trg 3", PostNumber: "4220", City: "Škofja Loka", Country: "Slovenija",
		}},
	}
}

// carpenter is entered in the ERP while mksync runs.
func carpenter() metakocka.Partner {
	return metakocka.Partner{
		Customer: "Mizarstvo Žagar s.p.", TaxIDNumber: "27364859", BusinessEntity: true,
		Contacts: []metakocka.Contact{{Name: "Gregor Žagar", GSM: "031 246 810", Email: "gregor@mizarstvo-zagar.example"}},
		Addresses: []metakocka.Address{{
			Type: metakocka.AddressBilling, Street: "Pohorska ulica 44", PostNumber: "2312", City: "Orehova vas", Country: "Slovenija",
		}},
	}
}
