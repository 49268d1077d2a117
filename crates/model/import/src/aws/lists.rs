//! `describe-managed-prefix-lists`, `describe-prefix-lists` and `get-managed-prefix-list-entries`.

use super::{ARN, Aws, OWNER};
use crate::document::At;
use crate::draft::PrefixList;

const IRRELEVANT: [(&str, &str); 5] = [
    ("OwnerId", OWNER),
    ("PrefixListArn", ARN),
    ("Version", "versions are those of the whole file: `netloom history`"),
    ("AddressFamily", "an entry's family is that of its prefix"),
    ("StateMessage", "it is told while the list changes"),
];

impl Aws<'_, '_> {
    /// Prefix lists and their entries.
    pub(super) fn prefix_lists(&mut self) {
        for at in self.all("PrefixLists") {
            let Some(name) = self.own_name(at, "PrefixListId") else { continue };
            let living = [
                "create-complete",
                "modify-complete",
                "modify-in-progress",
                "restore-complete",
                "create-in-progress",
            ];
            if !self.lives(at, "State", &living) {
                continue;
            }
            self.irrelevant(at, &IRRELEVANT);
            let mut made = PrefixList::default();
            if let Some(called) = at.get("PrefixListName") {
                self.desk.exact(called, format!("the list's name, as `{name}`"));
            }
            if let Some(most) = at.get("MaxEntries") {
                made.max_entries = most.text().and_then(|text| text.parse().ok());
                match made.max_entries {
                    Some(_) => self.desk.exact(most, "`max_entries`"),
                    None => self.desk.refused(most, "no number of entries"),
                }
            }
            // Old output has the prefixes in the list.
            for cidr in self.desk.items_of(at, "Cidrs") {
                made.entries
                    .extend(self.desk.prefix(cidr, "an entry").map(|prefix| (prefix, None)));
            }
            if !self.tags(at).is_empty()
                && let Some(tags) = at.get("Tags")
            {
                self.desk.refuse_all(tags, "prefix lists have no tags here");
            }
            self.desk.draft.prefix_lists.insert(name, made);
        }
        for root in self.roots {
            if let Some(entries) = root.get("Entries") {
                self.entries(*root, entries);
            }
        }
        self.drop_empty();
    }

    /// Entries, which do not say of which list they are.
    fn entries(&mut self, root: At<'_>, entries: At<'_>) {
        let file = &root.document.file;
        let by_file = self
            .names
            .iter()
            .find(|((section, id), _)| *section == "prefix_lists" && file.contains(id.as_str()));
        let lists = &self.desk.draft.prefix_lists;
        let name = match by_file {
            Some((_, name)) => Some(name.clone()),
            None => {
                let mut open = lists.iter().filter(|(_, list)| list.entries.is_empty());
                match (open.next(), open.next()) {
                    (Some((name, _)), None) => Some(name.clone()),
                    _ => None,
                }
            }
        };
        let Some(name) = name.filter(|name| lists.contains_key(name)) else {
            let why = "entries do not say of which list they are: put the list's id into the file's \
                       name, such as pl-0abc.json, and give `describe-managed-prefix-lists` too";
            self.desk.refuse_all(entries, why);
            return;
        };
        self.desk.exact(entries, format!("entries of the prefix list `{name}`"));
        let mut found = Vec::new();
        for item in self.desk.items(entries) {
            self.desk.entries(item);
            let Some(cidr) = item.get("Cidr") else {
                self.desk.refuse_all(item, "an entry is a `Cidr`");
                continue;
            };
            let Some(prefix) = self.desk.prefix(cidr, "an entry") else { continue };
            let note = self.desk.take(item, "Description", "kept as a comment behind the entry");
            found.push((prefix, note.filter(|note| !note.is_empty()).map(str::to_owned)));
        }
        if let Some(list) = self.desk.draft.prefix_lists.get_mut(&name) {
            list.entries.extend(found);
        }
    }

    /// A list without entries would make rules that allow nothing, silently.
    fn drop_empty(&mut self) {
        for at in self.all("PrefixLists") {
            let Some(name) = self.referred(at, "PrefixListId") else { continue };
            let lists = &mut self.desk.draft.prefix_lists;
            if lists.get(&name).is_some_and(|list| list.entries.is_empty()) {
                lists.remove(&name);
                let why = "its entries are in no file: give what `aws ec2 get-managed-prefix-list-entries` \
                           prints for it too";
                self.desk.refuse_all(at, why);
            }
        }
    }
}
