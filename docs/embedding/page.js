// The example's contact and token come from the address, index.html#CONTACT_ID,TOKEN. A CRM
// gives the id of the contact that it shows, and the signed-in user's JSON Web Token; with
// supabase-js: async () => (await supabase.auth.getSession()).data.session.access_token
const [contact, token] = decodeURIComponent(location.hash.slice(1)).split(",");
const status = document.querySelector("mksync-status");
status.setAttribute("contact", contact);

// A property that is set before the element's script has run would not be seen by it.
customElements.whenDefined("mksync-status").then(() => { status.token = token; });
