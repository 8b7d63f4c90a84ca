package phrases

import (
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

var english = catalogue{
	texts: map[syncer.ReasonCode]string{
		syncer.WhyChanged:     "{field} is {value} in {side}{since} because it was changed in {other}{changed}; {side}'s value had not changed since the two last agreed.",
		syncer.WhyConflict:    "{field} is {value}{since} because both sides had changed it, to {crm} in the CRM and to {metakocka} in MetaKocka, and the rule {rule} decided for {winner}.",
		syncer.WhyUndecidable: "{field} is {value}{since} because both sides had changed it, to {crm} in the CRM and to {metakocka} in MetaKocka; which was the newer could not be told, and then {winner} wins.",
		syncer.WhyOverwritten: "{field} is {value} in {side}{since} because it goes from {other} to {side} only; both had been changed, to {crm} in the CRM and to {metakocka} in MetaKocka.",
		syncer.WhyDecided:     "{field} is {value}{since} because a person decided for {winner}; the CRM held {crm}, MetaKocka {metakocka}.",
		syncer.WhyAuthority:   "{field} is {value}{since} because {by} said that {winner} is right; the CRM held {crm}, MetaKocka {metakocka}.",
		syncer.WhyFirst:       "{field} is {value} in {side}{since} because only {other} had a value when the two were linked.",
		syncer.WhyMade:        "{field} is {value} because the record in {side} was made of the one in {other}{at}, and nobody changed it since.",
		syncer.WhyFound:       "{field} is {value} because both sides held it when the two were linked{at}.",
		syncer.WhyAgreed:      "{field} is {value}{since} because both sides came to hold it, and nothing had to be written.",
		syncer.WhyNotKept:     "{field} is {value} in {side}{since} because that is what {side} made of {given}.",
		syncer.WhyAlong:       "{field} is {value} in {side}{since} because it goes along with another field that was written.",
		syncer.WhyUndo:        "{field} is {value}{since} because {by} took an earlier change back.",
		syncer.WhyTaken:       "{field} is {value}{since} because it was taken over from a contact that {by} merged into this one.",
		syncer.WhyBefore:      "{field} is {value} as both sides agreed before the history that is kept began.",
		syncer.WhyScrubbed:    "{field} is {value}; what it was before is not kept, because the contact was deleted or anonymized in between.",
		syncer.WhyEmpty:       "{field} is empty on both sides, and nobody has entered one.",
		syncer.WhyParked:      "{field} is {crm} in the CRM and {metakocka} in MetaKocka because both sides changed it, and a person has to decide{since}: mksync conflicts list.",
		syncer.WhyOff:         "{field} is not synced: its direction is off.",
		syncer.WhyOneWay:      "{field} is {crm} in the CRM and {metakocka} in MetaKocka because {side} was changed, and its direction does not take it to {other}.",
		syncer.WhyUnkept:      "{field} is {value} in the CRM alone because this MetaKocka does not keep it.",
		syncer.WhyWithheld:    "{field} is {value} in the CRM and {metakocka} in MetaKocka because the CRM's value cannot be sent: it {words}.",
		syncer.WhyWaits:       "{field} is {crm} in the CRM and {metakocka} in MetaKocka because {side} was changed and that is not brought over yet{again}.",

		syncer.WhyNotLinkedNone: "{field} is {value} in the CRM; the contact has no partner.",

		syncer.StandsSynced:     "Both sides agree{since}.",
		syncer.StandsNew:        "The contact is new: nothing was done with it yet.",
		syncer.StandsLeftOut:    "The contact is left out by the configured filter.",
		syncer.StandsGone:       "The contact is not in the CRM.",
		syncer.StandsPending:    "The contact is being brought over{since}{again}.",
		syncer.StandsUnanswered: "A write to MetaKocka has no answer{since}: its partner is looked at until it is known whether it was done.",
		syncer.StandsError:      "The contact was refused{since}: {words}. It was tried again {retries} times by itself{again}.",
		syncer.StandsPartial:    "Not everything could be brought over{since}: {words}.",
		syncer.StandsConflict:   "A person has to decide {fields}{since}: mksync conflicts list.",
		syncer.StandsHeldMatch:  "A person has to say whose partner it is{since}: it {words}.",
		syncer.StandsHeldGone:   "A deletion waits for a person{since}: mksync deletions list.",
		syncer.StandsDeleted:    "The contact was deleted, or gave its partner up{since}.",
		syncer.StandsUnlinked:   "The contact has no partner any more{since}: {words}.",

		syncer.UndoChanged:    "{field} was changed in {side} since.",
		syncer.UndoAlready:    "Both sides hold again what was there before.",
		syncer.UndoBetween:    "{field} was changed by somebody in between.",
		syncer.UndoMade:       "The partner that was made stays: mksync unlink parts the two, and it can be deleted in MetaKocka.",
		syncer.UndoReferred:   "Rows of {words} refer to the contact, so it is not deleted.",
		syncer.UndoGuarded:    "That would be more deletions within ten minutes than MKSYNC_MAX_DELETES lets through: undo the rest later.",
		syncer.UndoWaits:      "A deletion of it waits for a person: mksync deletions list.",
		syncer.UndoRetired:    "It went with a deletion, which is not taken back: a contact that is entered again gets its partner back.",
		syncer.UndoMerged:     "A merge is taken back by mksync merge undo.",
		syncer.UndoFirst:      "{field} had a value on one side only when the two were linked: mksync unlink parts them.",
		syncer.UndoScrubbed:   "The values are not kept any more, because the contact was deleted or anonymized.",
		syncer.UndoNothing:    "Nothing was written.",
		syncer.UndoDirection:  "{field} is not synced in both directions.",
		syncer.UndoUnreadable: "The partner's {field} cannot be read.",
		syncer.UndoWithheld:   "{field} was {value} before, which cannot be sent to MetaKocka: it {words}.",
		syncer.UndoNotLinked:  "The contact is not linked with a partner, or not synced.",
		syncer.UndoParted:     "The contact was linked with another partner then.",
		syncer.UndoFailed:     "It could not be brought over: {words}.",
	},
	fields: map[mapping.Field]string{
		mapping.FieldName: "name", mapping.FieldCompanyName: "company name", mapping.FieldEmail: "e-mail", mapping.FieldPhone: "phone",
		mapping.FieldAddress: "address", mapping.FieldCountry: "country", mapping.FieldTaxNumber: "tax number",
		mapping.FieldNotes: "notes", mapping.FieldWebsite: "website",
	},
	sides: map[mapping.Side]string{mapping.SideCRM: "the CRM", mapping.SideMetaKocka: "MetaKocka"},
	rules: map[mapping.Rule]string{
		mapping.RuleNewest: "newest", mapping.RuleCRM: "crm", mapping.RuleMetaKocka: "metakocka", mapping.RuleManual: "manual",
	},
	empty:     "empty",
	nobody:    "somebody",
	at:        " on {time}",
	between:   " between {after} and {before}",
	since:     " since {time}",
	again:     "; it is tried again on {time}",
	moment:    func(t time.Time) string { return t.Format("2 Jan 2006 at 15:04") },
	fieldList: func(all []string) string { return strings.Join(all, ", ") },
}
