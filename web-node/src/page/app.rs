//! The page as a whole: starts the node worker, shares what all parts need, and lays them out.

use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use shared::node::interface::View;
use shared::transaction::Key;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::client::Client;
use super::components::banners::Banners;
use super::components::blocks::Blocks;
use super::components::consistency::Consistency;
use super::components::environment::environment_note;
use super::components::header::Header;
use super::components::lookup::LookupPanel;
use super::components::members::Members;
use super::components::mempool::Mempool;
use super::components::mining::Mining;
use super::components::navigation::navigation;
use super::components::part::part;
use super::components::records::Records;
use super::components::rejections::rejections;
use super::components::status::StatusBar;
use super::components::write::WritePanel;
use super::directory::Directory;
use super::hooks::{Now, Surroundings, use_clock_ms};
use super::locale::{Language, Locale, say};
use super::preferences::{self, Theme};
use super::session::{START_PATIENCE_MS, Session, SessionAction};

/// What part of one's balance the members' buttons hand over, where the proof is stake.
const HANDED_PART: u64 = 10;

/// The page, in the language that it opens in.
#[derive(PartialEq, Properties)]
pub(super) struct AppProps {
    pub(super) locale: Locale,
}

/// The page.
#[function_component]
pub(super) fn App(props: &AppProps) -> Html {
    let session = use_reducer(Session::default);
    let client = use_node_worker(session.dispatcher());
    let client = use_memo((client, session.restarts), |(client, restarts)| {
        client.after_restarts(*restarts)
    });

    let locale = use_state(|| props.locale.clone());
    use_effect_with(locale.language(), |&language| {
        preferences::apply_language(language)
    });
    let on_language = use_language_choice(&locale, session.dispatcher());
    let (theme, on_theme) = use_theme();

    let view = session.view.clone();
    use_document_title(view.as_deref());
    let directory = use_memo(
        (
            session.members.clone(),
            view.as_ref().map(|view| view.key),
            view.as_ref().and_then(|view| view.id),
        ),
        |(members, key, id)| Directory::of(members, key.unwrap_or_default(), *id),
    );
    let offset_ms = view.as_ref().map_or(0, |view| view.clock_offset_ms);
    let now = Now(use_clock_ms().saturating_add_signed(offset_ms));

    let asked = use_state_eq(|| None::<Key>);
    let on_ask = use_callback(asked.setter(), |key, asked| asked.set(Some(key)));
    let look_up = use_callback(on_ask.clone(), |key, on_ask| {
        on_ask.emit(key);
        scroll_to("lookup");
    });
    let surroundings = Surroundings {
        locale: (*locale).clone(),
        client: (*client).clone(),
        directory,
        look_up,
    };

    let header = part(Header {
        network: view
            .as_ref()
            .and_then(|view| view.network.clone())
            .map(Rc::new),
        connection: view.as_ref().map(|view| view.connection.clone()),
        theme,
        on_theme,
        on_language,
    });
    html! {
        <ContextProvider<Surroundings> context={surroundings}>
        <ContextProvider<Now> context={now}>
            <div class="app" data-testid="app" data-lang={locale.language().tag()} data-theme={theme.name()}>
                <a class="skip-link" href="#main">{ say!(locale, "skip-to-content") }</a>
                { header }
                { part(Banners::of(&session)) }
                { part(StatusBar::of(view.as_deref())) }
                <main id="main" class="columns" tabindex="-1">
                    { panels(view.as_deref(), &session, &asked, &on_ask) }
                </main>
                <footer class="footer">
                    { for session.environment.as_deref().map(|environment| environment_note(&locale, environment)) }
                    if let Some(view) = &view {
                        { rejections(&locale, &view.rejections) }
                    }
                </footer>
                { navigation(&locale) }
            </div>
        </ContextProvider<Now>>
        </ContextProvider<Surroundings>>
    }
}

/// The panels in their columns: what one does, the chain, and the others.
fn panels(
    view: Option<&View>,
    session: &Session,
    asked: &Option<Key>,
    on_ask: &Callback<Key>,
) -> Html {
    let chain = view.map(|view| view.chain.clone()).unwrap_or_default();
    let damaged = view.map(|view| view.damaged.clone()).unwrap_or_default();
    let network = view.and_then(|view| view.network.as_ref());
    let own_id = view.and_then(|view| view.id);
    let act = [
        part(Mining {
            mining: view.map(|view| view.mining).unwrap_or_default(),
            stake: view.and_then(|view| view.stake.clone()),
            environment: session.environment.clone(),
        }),
        part(WritePanel {
            chain: chain.clone(),
        }),
        part(LookupPanel {
            tip: chain.tip,
            asked: asked.clone(),
            on_ask: on_ask.clone(),
        }),
    ];
    let blocks = [
        part(Mempool {
            pending: view.map_or(0, |view| view.pending),
            unacknowledged: view.map_or(0, |view| view.unacknowledged),
            tip: chain.tip,
        }),
        part(Blocks {
            height: chain.height,
            tip: chain.tip,
            final_height: chain.final_height,
            damaged: damaged.clone(),
            is_ready: network.is_some(),
        }),
    ];
    let others = [
        part(Members {
            members: session.members.clone(),
            own_id,
            leader: view.and_then(|view| view.leader),
            stake_to_hand: view
                .filter(|view| view.stake.is_some())
                .map_or(0, |view| view.chain.balance / HANDED_PART),
        }),
        part(Consistency {
            check: view.and_then(|view| view.check.clone()),
            own_id,
            damaged,
        }),
        part(Records {
            network: network.map(|network| network.id),
        }),
    ];
    html! {
        <>
            <div class="column column-act">{ for act }</div>
            <div class="column column-chain">{ for blocks }</div>
            <div class="column column-network">{ for others }</div>
        </>
    }
}

fn scroll_to(id: &str) {
    let element = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element {
        element.scroll_into_view();
    }
}

/// The way to choose a language. Its texts may come late: what was chosen last counts.
#[hook]
fn use_language_choice(
    locale: &UseStateHandle<Locale>,
    dispatcher: UseReducerDispatcher<Session>,
) -> Callback<HtmlSelectElement> {
    let choices = use_mut_ref(|| 0_u32);
    use_callback(
        (locale.clone(), dispatcher),
        move |select: HtmlSelectElement, (locale, dispatcher)| {
            let (locale, dispatcher) = (locale.clone(), dispatcher.clone());
            let choices = choices.clone();
            let choice = choices.borrow().wrapping_add(1);
            choices.replace(choice);
            spawn_local(async move {
                let language = Language::closest(&select.value());
                let chosen = Locale::fetch(language).await;
                if *choices.borrow() != choice {
                    return;
                }
                dispatcher.dispatch(SessionAction::LanguageChosen(chosen.is_ok()));
                match chosen {
                    Ok(chosen) => {
                        preferences::choose_language(language);
                        locale.set(chosen);
                    }
                    Err(_) => select.set_value(locale.language().tag()),
                }
            });
        },
    )
}

/// Starts the node worker with the page, and notices when it never says a word.
#[hook]
fn use_node_worker(dispatcher: UseReducerDispatcher<Session>) -> Client {
    let patience = dispatcher.clone();
    use_effect_with((), move |()| {
        let timeout = Timeout::new(START_PATIENCE_MS, move || {
            patience.dispatch(SessionAction::Silent);
        });
        move || drop(timeout)
    });
    let client = use_state(|| {
        Client::start(move |message| dispatcher.dispatch(SessionAction::Received(message)))
    });
    (*client).clone()
}

/// The tab's title tells several nodes in one window apart.
#[hook]
fn use_document_title(view: Option<&View>) {
    let id = view.and_then(|view| view.id).map(|id| format!("#{id}"));
    let network = view.and_then(|view| Some(view.network.as_ref()?.name.clone()));
    let parts: Vec<String> = [id, network].into_iter().flatten().collect();
    use_effect_with(parts, |parts| {
        let document = web_sys::window().and_then(|window| window.document());
        if let Some(document) = document {
            let named = parts.iter().map(String::as_str);
            let title: Vec<&str> = named.chain(["Tabchain"]).collect();
            document.set_title(&title.join(" · "));
        }
    });
}

/// The theme, which follows the system until the user chooses, and the way to choose it.
#[hook]
fn use_theme() -> (Theme, Callback<Theme>) {
    let theme = use_state_eq(Theme::preferred);
    use_effect_with(*theme, |theme| theme.apply());
    let setter = theme.setter();
    use_effect_with((), move |()| {
        let listener = preferences::system_prefers_dark().map(|query| {
            EventListener::new(&query, "change", move |_| setter.set(Theme::preferred()))
        });
        move || drop(listener)
    });
    let choose = use_callback(theme.setter(), |theme: Theme, setter| {
        theme.choose();
        setter.set(theme);
    });
    (*theme, choose)
}
